'use strict';

const path = require('node:path');
const { Worker } = require('node:worker_threads');
const { once } = require('node:events');

const { assert, bytes, left, neo, test } = require('./harness.js');

const index = JSON.stringify(path.join(__dirname, '../js/index.cjs'));

/** A worker that runs `code` with `neo`, `kernel` (of the name), `parentPort`. */
function start(name, code) {
  const program = `
    const neo = require(${index});
    const { parentPort } = require('node:worker_threads');
    const kernel = neo.Kernel.open('mem://${name}');
    (async () => { ${code} })();
  `;
  const worker = new Worker(program, { eval: true });
  worker.exited = once(worker, 'exit');
  return worker;
}

test('workers share a kernel by its name', async () => {
  const kernel = neo.Kernel.open('mem://workers.share');
  const subscription = kernel.subscribe('from.worker');
  const worker = start('workers.share', `
    const service = kernel.serve('reverse', (request) => Buffer.from(request.data).reverse());
    kernel.publish('from.worker', Buffer.from('ready'));
    parentPort.once('message', () => kernel.close());`);
  assert.equal((await subscription.recv()).data.toString(), 'ready');
  const reply = await kernel.call('reverse', 'm', bytes('abc'), { timeout: 60_000 });
  assert.equal(reply.toString(), 'cba');
  worker.postMessage('end');
  assert.deepEqual(await worker.exited, [0]);
  kernel.close();
});

test('messages between workers arrive whole, in order, and wake who sleeps', async () => {
  const kernel = neo.Kernel.open('mem://workers.order');
  const subscription = kernel.subscribe('n', { policy: 'block' });
  const worker = start('workers.order', `
    const publisher = kernel.publisher('n');
    for (let i = 0; i < 20000; i += 1) await publisher.publishAsync(Buffer.from(String(i)));
    kernel.close();`);
  for (let i = 0; i < 20_000; i += 1) {
    assert.equal(Number((await subscription.recv({ timeout: 30_000 })).data), i);
  }
  assert.deepEqual(await worker.exited, [0]);
  kernel.close();
});

test('what a worker leaves behind goes with it', async () => {
  const worker = start('workers.left', `
    const subscription = kernel.subscribe('x', { zeroCopy: true });
    kernel.publish('x', Buffer.alloc(1 << 20));
    globalThis.kept = [subscription, subscription.tryRecv(), kernel.publisher('y').loan(1 << 20),
      kernel.serve('s', () => {}), kernel.publisher('z')];
    subscription.recv().catch(() => {});
    parentPort.postMessage('made');`);
  await once(worker, 'message');
  assert.notDeepEqual(neo.live(), {});
  await worker.terminate();
  assert.deepEqual(await left(), {});
});

test('workers are ended under load, again and again', async () => {
  const kernel = neo.Kernel.open('mem://workers.load');
  const subscription = kernel.subscribe('load.>', { depth: 1024 });
  const publisher = kernel.publisher('to.workers');
  let received = 0;
  const reading = (async () => {
    for await (const message of subscription) received += message.data.length;
  })();
  const times = Number(process.env.NEO_TEST_WORKERS ?? 20);
  for (let i = 0; i < times; i += 1) {
    const workers = [1, 2].map(() => start('workers.load', `
      const publisher = kernel.publisher('load.x');
      const subscription = kernel.subscribe('to.workers');
      kernel.serve('w', async (request) => request.data);
      (async () => { for await (const message of subscription) publisher.publish(message.data); })();
      for (;;) {
        for (let i = 0; i < 50; i += 1) publisher.publish(Buffer.alloc(i * 200));
        await kernel.call('w', 'm', Buffer.from('x')).catch(() => {});
        parentPort.postMessage('turn');
      }`));
    await Promise.all(workers.map((worker) => once(worker, 'message')));
    for (let j = 0; j < 100; j += 1) publisher.publish(bytes('x'));
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
  kernel.close();
  await reading;
  assert.ok(received > 0);
});
