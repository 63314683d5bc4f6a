// A hasher that has its work done by threads and by a fork of itself.
'use strict';
const { Worker } = require('node:worker_threads');
const { fork } = require('node:child_process');
const crypto = require('node:crypto');

if (process.argv[2] === '--child') {
  process.send('ready');
  process.disconnect();
} else {
  require('./serve').serve({
    name: 'hasher',
    tools: [{
      name: 'hash_text', description: 'Computes the SHA-256 hash of a text.',
      inputSchema: { type: 'object', properties: { text: { type: 'string' } }, required: ['text'] },
      run: ({ text }) => new Promise((done, failed) => {
        const code = 'const { parentPort, workerData } = require("node:worker_threads"); parentPort.postMessage(workerData.length);';
        new Worker(code, { eval: true, workerData: String(text) }).on('error', failed).on('message', () => {
          fork(__filename, ['--child']).on('error', failed).on('exit', () => done(crypto.createHash('sha256').update(String(text)).digest('hex')));
        });
      }),
    }],
  });
}
