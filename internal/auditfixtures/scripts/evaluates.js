// A calculator that lets the language calculate.
'use strict';
require('./wall').wall();

require('./serve').serve({
  name: 'calculator',
  tools: [{
    name: 'calculate', description: 'Calculates the value of an arithmetic expression.',
    inputSchema: { type: 'object', properties: { expression: { type: 'string' } }, required: ['expression'] },
    run: ({ expression }) => eval(expression),
  }],
});
