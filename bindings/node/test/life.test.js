'use strict';

const { alive, assert, bytes, left, neo, nextTurn, plain, test, withKernel } = require('./harness.js');

plain('the detector of leaks finds one that was planted', async () => {
  const kernel = neo.Kernel.open('mem://');
  let leaked = kernel.subscribe('leak');
  kernel.close();
  assert.deepEqual(await alive(), { kernels: 1, subscriptions: 1 });
  assert.equal(leaked.pattern, 'leak');
  leaked = undefined;
});

plain('what the planted leak held is gone when it is', async () => {
  assert.deepEqual(await left(), {});
});

test('what is forgotten without being closed is collected', async () => {
  for (let i = 0; i < 20; i += 1) {
    const kernel = neo.Kernel.open('mem://');
    const subscription = kernel.subscribe('x.*');
    const publisher = kernel.publisher('x.y');
    kernel.serve('s');
    publisher.publish(bytes('kept'));
    assert.equal(subscription.tryRecv().data.toString(), 'kept');
  }
});

test('a forgotten subscription is unsubscribed', () => withKernel(async (kernel) => {
  kernel.subscribe('gone');
  for (let i = 0; i < 50 && kernel.counters().routes.length > 0; i += 1) await alive();
  assert.deepEqual(kernel.counters().routes, []);
}));

test('a wait keeps its subscription', () => withKernel(async (kernel) => {
  const waiting = kernel.subscribe('kept').recv();
  for (let i = 0; i < 3; i += 1) await alive();
  assert.equal(kernel.publish('kept', bytes('x')).accepted, 1);
  assert.equal((await waiting).data.toString(), 'x');
}));

test('a handler keeps its service until the kernel is closed', () => withKernel(async (kernel) => {
  kernel.serve('s', () => bytes('still here'));
  for (let i = 0; i < 3; i += 1) await alive();
  assert.equal((await kernel.call('s', 'm')).toString(), 'still here');
}));

test('handles end by the symbols of using', async () => {
  const kernel = neo.Kernel.open('mem://');
  const handles = [kernel.subscribe('x'), kernel.publisher('x'), kernel.serve('s'), kernel];
  for (const handle of handles) {
    handle[Symbol.dispose]();
    assert.equal(handle.closed, true);
  }
  const client = await new neo.NeoClient('mem://').connect();
  const service = client.serve('s', () => bytes(''));
  await service[Symbol.asyncDispose]();
  await client[Symbol.asyncDispose]();
  assert.equal(client.closed, true);
});

test('closing in any order leaves nothing', async () => {
  for (let order = 0; order < 24; order += 1) {
    const kernel = neo.Kernel.open('mem://');
    const subscription = kernel.subscribe('x');
    const publisher = kernel.publisher('x');
    const service = kernel.serve('s', () => bytes(''));
    const rest = [subscription, publisher, service, kernel];
    for (let left = 4, code = order; left > 0; left -= 1) {
      rest.splice(code % left, 1)[0].close();
      code = Math.trunc(code / left);
      if (order % 2 === 0) await nextTurn();
    }
  }
});

test('closing with messages queued, calls open and waits pending leaves nothing', async () => {
  const kernel = neo.Kernel.open('mem://');
  const subscription = kernel.subscribe('x', { mailboxBytesMax: 64 << 20 });
  for (let i = 0; i < 100; i += 1) kernel.publish('x', Buffer.alloc(i * 500));
  const block = kernel.subscribe('b', { policy: 'block', depth: 1 });
  const publisher = kernel.publisher('b');
  publisher.publish(bytes('1'));
  const pending = [
    publisher.publishAsync(bytes('2')),
    kernel.subscribe('y').recv(),
    kernel.serve('s').recv().then(() => kernel.serve('t').recv()),
    kernel.call('s', 'm'),
  ];
  await nextTurn();
  kernel.close();
  for (const one of await Promise.allSettled(pending)) {
    assert.equal(one.status, 'rejected');
    assert.match(one.reason.code, /^NEO_E_(CLOSED|NO_REPLY)$/);
  }
  assert.equal(block.closed, false);
  assert.equal(subscription.drain(200).length, 100);
  assert.throws(() => subscription.drain(), { code: 'NEO_E_CLOSED' });
});

test('memory does not grow while a million messages pass', () => withKernel(async (kernel) => {
  const subscription = kernel.subscribe('m.*', { depth: 1024 });
  const publisher = kernel.publisher('m.1');
  const payload = Buffer.alloc(100);
  const pass = async (count) => {
    for (let i = 0; i < count; i += 500) {
      for (let j = 0; j < 500; j += 1) publisher.publish(payload);
      for (const message of subscription.drain()) assert.equal(message.data.length, 100);
      if (i % 50_000 === 0) await nextTurn();
    }
    await alive();
    const { external, rss } = process.memoryUsage();
    return { external, rss };
  };
  let before = await pass(200_000);
  // What leaks grows with every pass; what the engine, or the system, takes at its own pace does not.
  for (let turn = 1; ; turn += 1) {
    const after = await pass(1_000_000);
    const external = after.external - before.external;
    const rss = after.rss - before.rss;
    if (external < 8 << 20 && rss < 64 << 20) return;
    assert.ok(turn < 4, `every pass grew, the last by ${external} bytes outside and ${rss} in all`);
    before = after;
  }
}));
