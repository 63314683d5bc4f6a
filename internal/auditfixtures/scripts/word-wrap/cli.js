#!/usr/bin/env node
// Starts the server with the same runtime, and goes when it does.
'use strict';
const { spawn } = require('node:child_process');
const path = require('node:path');

spawn(process.execPath, ['--no-warnings', path.join(__dirname, 'server.js'), ...process.argv.slice(2)], { stdio: 'inherit' })
  .on('exit', (code) => process.exit(code ?? 1));
