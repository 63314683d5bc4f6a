// Loaded before mcporter (node --import). Its JSON output shows the JSON inside
// a text instead of the result around it, and its raw output is for eyes: this
// makes raw output the result itself, in JSON.
import { syncBuiltinESMExports } from 'node:module';
import util from 'node:util';

util.inspect = Object.assign((value) => JSON.stringify(value), util.inspect);
syncBuiltinESMExports();
