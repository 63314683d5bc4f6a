'use strict';

require('./serve').serve({
  name: 'word-wrap',
  tools: [{
    name: 'wrap_text', description: 'Wraps a text at a column.',
    inputSchema: { type: 'object', properties: { text: { type: 'string' }, column: { type: 'integer', minimum: 20, maximum: 200 } }, required: ['text'] },
    run: ({ text, column = 80 }) => String(text).replace(new RegExp(`(.{1,${column}})(\\s|$)`, 'g'), '$1\n'),
  }],
});
