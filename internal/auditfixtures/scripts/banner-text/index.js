#!/usr/bin/env node
'use strict';

require('./serve').serve({
  name: 'banner-text',
  tools: [{
    name: 'banner', description: 'Writes a text in large letters.',
    inputSchema: { type: 'object', properties: { text: { type: 'string' } }, required: ['text'] },
    run: ({ text }) => String(text).toUpperCase().split('').join(' '),
  }],
});
