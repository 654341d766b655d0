// Processes that share a kernel: run it as `serve` in one terminal and as `ask` in another. The
// programs of this name in other languages are either side of the same conversation.
//
//     cargo xtask node && npm install --prefix examples/node
//     node examples/node/shared_memory.mjs serve

import { Kernel } from 'neo-protocol';

const URL = 'shm://example-users';

/** Answers one call, and publishes who was asked for. */
async function serve(kernel) {
  const users = kernel.serve('user_service');
  console.log(`serving on ${URL}`);
  const request = await users.recv();
  kernel.publish('users.asked', request.data);
  request.reply(Buffer.from(`${request.data} is Ada`));
}

async function ask(kernel) {
  const asked = kernel.subscribe('users.*');
  console.log(String(await kernel.call('user_service', 'get_user', Buffer.from('42'))));
  const message = await asked.recv();
  console.log(`${message.topic}: ${message.data}`);
}

const role = { serve, ask }[process.argv[2]];
if (role === undefined) {
  console.log('usage: node shared_memory.mjs serve|ask');
} else {
  const kernel = Kernel.open(URL);
  await role(kernel);
  kernel.close();
}
