'use strict';

const { assert, bytes, neo, nextTurn, test, texts, withKernel } = require('./harness.js');

test('a wait ends with the message that it waited for', () => withKernel(async (kernel) => {
  const subscription = kernel.subscribe('w');
  const waiting = subscription.recv();
  setImmediate(() => kernel.publish('w', bytes('now')));
  assert.equal((await waiting).data.toString(), 'now');
}));

test('a wait that times out is a TimeoutError and takes nothing', () => withKernel(async (kernel) => {
  const subscription = kernel.subscribe('w');
  await assert.rejects(subscription.recv({ timeout: 5 }), (error) => {
    assert.ok(error instanceof neo.TimeoutError && error instanceof neo.NeoError);
    assert.equal(error.code, 'NEO_E_TIMEOUT');
    assert.equal(error.name, 'TimeoutError');
    assert.match(error.message, /"w" came in 5 ms/);
    return true;
  });
  await assert.rejects(subscription.recv({ timeout: 0 }), { code: 'NEO_E_TIMEOUT' });
  assert.deepEqual(await subscription.recvBatch({ timeout: 5 }), []);
  kernel.publish('w', bytes('late'));
  assert.equal((await subscription.recv({ timeout: 0 })).data.toString(), 'late');
}));

test('a wait that is aborted rejects with the reason of the signal', () => withKernel(async (kernel) => {
  const subscription = kernel.subscribe('w');
  const abort = new AbortController();
  const waiting = subscription.recv({ signal: abort.signal });
  const reason = new Error('enough');
  abort.abort(reason);
  await assert.rejects(waiting, (error) => error === reason);
  await assert.rejects(subscription.recv({ signal: abort.signal }), (error) => error === reason);
  await assert.rejects(
    subscription.recv({ signal: AbortSignal.timeout(1) }),
    { name: 'TimeoutError' },
  );
}));

test('cancelled waits lose no message', () => withKernel(async (kernel) => {
  const subscription = kernel.subscribe('c', { depth: 65_536 });
  const publisher = kernel.publisher('c');
  const seen = [];
  const total = 5000;
  let sent = 0;
  while (seen.length < total) {
    const abort = new AbortController();
    const waits = Promise.allSettled([
      subscription.recv({ signal: abort.signal }),
      subscription.recv({ timeout: 0 }),
    ]);
    const burst = Math.min(total - sent, sent % 3);
    for (let i = 0; i < Math.max(burst, sent < total ? 1 : 0); i += 1, sent += 1) {
      publisher.publish(bytes(`${sent}`));
    }
    if (sent % 2 === 0) await nextTurn();
    abort.abort();
    for (const one of await waits) {
      if (one.status === 'fulfilled') seen.push(Number(one.value.data));
    }
  }
  assert.equal(sent, total);
  assert.deepEqual(seen.sort((a, b) => a - b), Array.from({ length: total }, (_, i) => i));
}));

test('several waits at one subscription get a message each', () => withKernel(async (kernel) => {
  const subscription = kernel.subscribe('m');
  const waits = Array.from({ length: 10 }, () => subscription.recv());
  await nextTurn();
  for (let i = 0; i < 10; i += 1) kernel.publish('m', bytes(`${i}`));
  assert.deepEqual(texts(await Promise.all(waits)), Array.from({ length: 10 }, (_, i) => `${i}`));
}));

test('for await sees every message and ends with the subscription', () => withKernel(async (kernel) => {
  const subscription = kernel.subscribe('i', { depth: 65_536 });
  const total = 20_000;
  for (let i = 0; i < total; i += 1) kernel.publish('i', bytes(`${i}`));
  let next = 0;
  for await (const message of subscription) {
    assert.equal(Number(message.data), next);
    next += 1;
    if (next === total) setImmediate(() => subscription.close());
  }
  assert.equal(next, total);
}));

test('for await ends when the kernel is closed', async () => {
  const kernel = neo.Kernel.open('mem://');
  const subscription = kernel.subscribe('i');
  kernel.publish('i', bytes('last'));
  const seen = [];
  setImmediate(() => kernel.close());
  for await (const message of subscription) seen.push(message.data.toString());
  assert.deepEqual(seen, ['last']);
});

test('leaving a loop leaves the subscription open', () => withKernel(async (kernel) => {
  const subscription = kernel.subscribe('i');
  for (const text of ['a', 'b', 'c']) kernel.publish('i', bytes(text));
  for await (const message of subscription) {
    assert.equal(message.data.toString(), 'a');
    break;
  }
  assert.deepEqual(texts(subscription.drain()), ['b', 'c']);
}));

test('what a loop took ahead is there for whoever asks next', () => withKernel(async (kernel) => {
  const subscription = kernel.subscribe('i', { depth: 2048 });
  const total = 1000;
  for (let i = 0; i < total; i += 1) kernel.publish('i', bytes(`${i}`));
  const seen = [];
  const loop = async (count) => {
    for await (const message of subscription) {
      seen.push(Number(message.data));
      if (seen.length === count) break;
    }
  };
  await loop(1);
  assert.equal(subscription.queued, total - 1);
  assert.equal(await subscription.ready({ timeout: 0 }), true);
  seen.push(Number(subscription.tryRecv().data), Number((await subscription.recv()).data));
  await loop(5);
  seen.push(...subscription.drain(3).map((message) => Number(message.data)));
  await loop(20);
  seen.push(...(await subscription.recvBatch({ max: 700 })).map((message) => Number(message.data)));
  await loop(800);
  for await (const batch of subscription.batches()) {
    seen.push(...batch.map((message) => Number(message.data)));
    if (seen.length === total) break;
  }
  assert.deepEqual(seen, Array.from({ length: total }, (_, i) => i));
  assert.equal(subscription.queued, 0);
}));

test('a loop takes nothing ahead of the other members of its group', () => withKernel(async (kernel) => {
  const [one, other] = [1, 2].map(() => kernel.subscribe('g', { group: 'w', depth: 2048 }));
  for (let i = 0; i < 1000; i += 1) kernel.publish('g', bytes(`${i}`));
  for await (const message of one) {
    assert.equal(Number(message.data), 0);
    break;
  }
  assert.equal(other.drain(1000).length, 999);
}));

test('what a loop took ahead is given up with its subscription', () => withKernel(async (kernel) => {
  const subscription = kernel.subscribe('i', { depth: 2048 });
  for (let i = 0; i < 1000; i += 1) kernel.publish('i', bytes(`${i}`));
  const seen = [];
  for await (const message of subscription) {
    seen.push(Number(message.data));
    subscription.close();
  }
  assert.deepEqual(seen, [0]);
  assert.throws(() => subscription.tryRecv(), { code: 'NEO_E_CLOSED' });
}));

test('batches come as they are there', () => withKernel(async (kernel) => {
  const subscription = kernel.subscribe('i');
  for (let i = 0; i < 700; i += 1) kernel.publish('i', bytes(`${i}`));
  const sizes = [];
  setImmediate(() => kernel.publish('i', bytes('late')));
  for await (const batch of subscription.batches({ max: 300 })) {
    sizes.push(batch.length);
    if (batch.at(-1).data.toString() === 'late') break;
  }
  assert.equal(sizes.reduce((a, b) => a + b), 701);
  assert.deepEqual(sizes.slice(0, 2), [300, 300]);
}));

test('a busy loop leaves timers and I/O their turns', () => withKernel(async (kernel) => {
  const subscription = kernel.subscribe('busy', { depth: 1024 });
  const publisher = kernel.publisher('busy');
  publisher.publish(bytes('x'));
  let turns = 0;
  const count = () => {
    turns += 1;
    if (turns < 20) setImmediate(count);
    else subscription.close();
  };
  setImmediate(count);
  // It never runs dry: only a turn of the event loop ends it.
  for await (const message of subscription) {
    assert.equal(message.data.length, 1);
    if (!subscription.closed) publisher.publish(bytes('x'));
  }
  assert.equal(turns, 20);
}));

test('a signal closes a subscription', () => withKernel(async (kernel) => {
  const abort = new AbortController();
  const subscription = kernel.subscribe('s', { signal: abort.signal });
  setImmediate(() => abort.abort());
  for await (const _ of subscription) assert.fail('nothing was published');
  assert.equal(subscription.closed, true);
  assert.throws(() => kernel.subscribe('s', { signal: abort.signal }), { name: 'AbortError' });
}));

test('closing ends a wait with ClosedError', () => withKernel(async (kernel) => {
  const subscription = kernel.subscribe('s');
  const waiting = subscription.recv();
  subscription.close();
  await assert.rejects(waiting, { code: 'NEO_E_CLOSED', name: 'ClosedError' });
  const other = kernel.subscribe('s').recv();
  kernel.close();
  await assert.rejects(other, { code: 'NEO_E_CLOSED' });
}));

test('a subscription that is detached says so', () => withKernel(async (kernel) => {
  const subscription = kernel.subscribe('s', { policy: 'detach', depth: 2 });
  for (let i = 0; i < 5; i += 1) kernel.publish('s', bytes('x'));
  await assert.rejects(async () => {
    for await (const message of subscription) assert.equal(message.data.toString(), 'x');
  }, { code: 'NEO_E_DETACHED', name: 'DetachedError' });
}));

test('a publish waits for room and goes on when there is some', () => withKernel(async (kernel) => {
  const subscription = kernel.subscribe('r', { policy: 'block', depth: 2 });
  const publisher = kernel.publisher('r');
  for (const text of ['1', '2']) publisher.publish(bytes(text));
  assert.throws(() => publisher.publish(bytes('no')), { code: 'NEO_E_FULL' });
  assert.equal(await publisher.ready(1, { timeout: 5 }), false);
  const waiting = publisher.publishAsync(bytes('3'));
  await nextTurn();
  assert.deepEqual(texts([subscription.tryRecv()]), ['1']);
  assert.deepEqual(await waiting, { accepted: 1, dropped: 0, timedOut: 0 });
  assert.deepEqual(texts(subscription.drain()), ['2', '3']);
  assert.equal(await publisher.ready(), true);
}));

test('a publish that waits too long is Full, and can be aborted', () => withKernel(async (kernel) => {
  const subscription = kernel.subscribe('r', { policy: 'block', depth: 1 });
  const publisher = kernel.publisher('r', { sendTimeout: 5 });
  publisher.publish(bytes('1'));
  await assert.rejects(publisher.publishAsync(bytes('2')), { code: 'NEO_E_FULL' });
  const reason = new Error('stop');
  const abort = new AbortController();
  const waiting = publisher.publishAsync(bytes('3'), { timeout: Infinity, signal: abort.signal });
  abort.abort(reason);
  await assert.rejects(waiting, (error) => error === reason);
  assert.deepEqual(texts(subscription.drain()), ['1']);
}));

test('an emitter emits messages and the end', () => withKernel(async (kernel) => {
  const subscription = kernel.subscribe('e');
  const seen = [];
  const events = neo.emitter(subscription);
  events.on('message', (message) => {
    seen.push(message.data.toString());
    if (seen.length === 3) subscription.close();
  });
  const ended = new Promise((resolve) => events.on('end', resolve));
  for (const text of ['a', 'b', 'c']) kernel.publish('e', bytes(text));
  await ended;
  assert.deepEqual(seen, ['a', 'b', 'c']);
}));

test('an emitter tells an error', () => withKernel(async (kernel) => {
  const subscription = kernel.subscribe('e', { policy: 'detach', depth: 1 });
  const events = neo.emitter(subscription);
  for (let i = 0; i < 3; i += 1) kernel.publish('e', bytes('x'));
  const error = await new Promise((resolve) => events.on('error', resolve));
  assert.equal(error.code, 'NEO_E_DETACHED');
}));
