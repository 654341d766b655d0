// A queue group: each message goes to one of the members, whichever is free.
//
//     cargo xtask node && npm install --prefix examples/node && node examples/node/queue_group.mjs

import { Kernel } from 'neo-protocol';

async function unload(bags) {
  let done = 0;
  for await (const _ of bags) done += 1;
  return done;
}

const kernel = Kernel.open('mem://');
const members = [1, 2, 3].map(() => unload(kernel.subscribe('bags.*', { group: 'belt' })));

for (let bag = 1; bag <= 300; bag += 1) kernel.publish('bags.JFK', Buffer.from([bag & 0xff, bag >> 8]));
// Members receive what is queued, then learn that the kernel is closed.
kernel.close();

const done = await Promise.all(members);
console.log(`${done.reduce((sum, bags) => sum + bags)} bags by ${done.length} members`);
