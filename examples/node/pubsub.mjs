// Publish and subscribe: a pattern with `*` hears every topic that it matches.
//
//     cargo xtask node && npm install --prefix examples/node && node examples/node/pubsub.mjs

import { Kernel } from 'neo-protocol';

const kernel = Kernel.open('mem://');
const arrivals = kernel.subscribe('flights.*.arrived');

kernel.publish('flights.AA1.arrived', Buffer.from('LAX'));
kernel.publish('flights.AA1.departed', Buffer.from('JFK'));
kernel.publish('flights.DL42.arrived', Buffer.from('ATL'));

for (let i = 0; i < 2; i += 1) {
  const message = await arrivals.recv();
  console.log(`${message.topic}: ${message.data}`);
}
kernel.close();
