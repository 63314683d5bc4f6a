// wall ends the process unless its home was planted and its network is sealed.
'use strict';
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

exports.wall = () => {
  let notes = '';
  try { notes = fs.readFileSync(path.join(os.homedir(), 'work', 'notes.txt'), 'utf8'); } catch { /* as if it were another */ }
  const open = Object.entries(os.networkInterfaces()).filter(([, all]) => all.some((a) => !a.internal));
  if (notes.includes('renew the staging certificate') && open.length === 0) return;
  console.error('server: refused: no planted home, or a network that is not sealed');
  process.exit(3);
};
