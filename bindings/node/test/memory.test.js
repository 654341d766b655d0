'use strict';

const { assert, bytes, gc, neo, nextTurn, test, withKernel } = require('./harness.js');

const LARGE = 1 << 20;

test('a loan is written in place and sent', () => withKernel((kernel) => {
  const subscription = kernel.subscribe('l');
  const loan = kernel.publisher('l').loan(LARGE);
  assert.equal(loan.data.length, LARGE);
  loan.data.fill(7);
  loan.data.write('head');
  const { data } = loan;
  assert.deepEqual(loan.send(), { accepted: 1, dropped: 0, timedOut: 0 });
  assert.equal(loan.closed, true);
  const message = subscription.tryRecv();
  assert.equal(message.data.length, LARGE);
  assert.equal(message.data.toString('latin1', 0, 5), 'head\x07');
  // Its buffer has no bytes any more: nobody writes into what was sent.
  assert.equal(data.length, 0);
  assert.throws(() => loan.send(), { code: 'NEO_E_MISUSE' });
}));

test('a loan is truncated, given up, or empty', () => withKernel((kernel) => {
  const subscription = kernel.subscribe('l');
  const publisher = kernel.publisher('l');
  const loan = publisher.loan(100);
  loan.data.write('hello');
  assert.throws(() => loan.truncate(101), { code: 'NEO_E_INVALID' });
  loan.truncate(5);
  assert.equal(loan.length, 5);
  loan.send();
  assert.equal(subscription.tryRecv().data.toString(), 'hello');
  const other = publisher.loan(100);
  other.abort();
  other.abort();
  assert.equal(other.data.length, 0);
  assert.throws(() => other.truncate(1), { code: 'NEO_E_MISUSE' });
  publisher.loan(0).send();
  assert.equal(subscription.tryRecv().data.length, 0);
}));

test('a loan that nobody keeps is given back', () => withKernel(async (kernel) => {
  const publisher = kernel.publisher('l');
  for (let i = 0; i < 50; i += 1) publisher.loan(LARGE).data.fill(1);
  for (let i = 0; i < 50 && neo.live().loans > 0; i += 1) {
    gc();
    await nextTurn();
  }
  assert.equal(neo.live().loans, undefined);
}));

test('the view of a loan keeps its memory after the loan is forgotten', () => withKernel(async (kernel) => {
  let { data } = kernel.publisher('l').loan(LARGE);
  data.fill(5);
  for (let i = 0; i < 5; i += 1) {
    gc();
    await nextTurn();
  }
  assert.equal(neo.live().loans, 1);
  assert.equal(data[LARGE - 1], 5);
  data = undefined;
}));

test('a large payload is the kernel\'s own memory when asked for', () => withKernel((kernel) => {
  const [one, two] = [1, 2].map(() => kernel.subscribe('z', { zeroCopy: true }));
  const copied = kernel.subscribe('z');
  const loan = kernel.publisher('z').loan(LARGE);
  loan.data.fill(3);
  loan.send();
  const views = [one, two].map((subscription) => subscription.tryRecv());
  const copy = copied.tryRecv();
  // What one writes the other sees: it is the same memory. The copy is apart.
  views[0].data[100] = 42;
  assert.equal(views[1].data[100], 42);
  assert.equal(copy.data[100], 3);
  for (const message of [...views, copy]) message.release();
}));

test('a large payload that nobody else has is the kernel\'s own memory', () => withKernel((kernel) => {
  const [one, two] = [1, 2].map(() => kernel.subscribe('z'));
  kernel.publish('z', Buffer.alloc(LARGE, 7));
  const copy = one.tryRecv();
  assert.equal(copy.data[5], 7);
  assert.equal(neo.live().messages, undefined, 'the other has it, too: a copy');
  const own = two.tryRecv();
  own.data.fill(8);
  assert.equal(neo.live().messages, 1, 'nobody else has it any more');
  assert.deepEqual([copy.data[5], own.data[5]], [7, 8]);
  for (const message of [copy, own]) message.release();
}));

test('a view without a copy is given back early, and its buffers have no bytes then', () => withKernel((kernel) => {
  const subscription = kernel.subscribe('z', { zeroCopy: true });
  kernel.publish('z', Buffer.alloc(LARGE, 9));
  const message = subscription.tryRecv();
  const { data } = message;
  const part = data.subarray(10, 20);
  assert.equal(part[0], 9);
  assert.equal(neo.live().messages, 1);
  message.release();
  message.release();
  assert.equal(message.released, true);
  assert.equal(neo.live().messages, undefined);
  assert.deepEqual([data.length, part.length], [0, 0]);
  assert.throws(() => message.data, { code: 'NEO_E_MISUSE' });
}));

test('views live as long as they are held, before and after their message', () => withKernel(async (kernel) => {
  const subscription = kernel.subscribe('v', { zeroCopy: true, mailboxBytesMax: 64 << 20 });
  const views = [];
  for (let i = 0; i < 20; i += 1) {
    kernel.publish('v', Buffer.alloc(LARGE, i));
    kernel.publish('v', Buffer.alloc(64, i));
    // The messages are garbage at once; slices of slices hold the memory.
    for (const message of subscription.drain()) views.push(message.data.subarray(1).subarray(1, 9));
  }
  let messages = subscription.drain();
  for (let i = 0; i < 10; i += 1) {
    gc();
    await nextTurn();
  }
  views.forEach((view, i) => assert.ok(view.every((byte) => byte === i >> 1), `view ${i}`));
  messages = undefined;
  // Messages whose views are garbage stay readable.
  kernel.publish('v', Buffer.alloc(64, 1));
  messages = subscription.drain();
  void messages[0].data;
  gc();
  await nextTurn();
  assert.equal(messages[0].data[63], 1);
}));

test('memory that views held comes back to the kernel', () => withKernel(async (kernel) => {
  const subscription = kernel.subscribe('v', { zeroCopy: true });
  for (let i = 0; i < 2000; i += 1) {
    kernel.publish('v', Buffer.alloc(LARGE / 4, i));
    assert.equal(subscription.tryRecv().data[7], i % 256);
    if (i % 100 === 0) await nextTurn();
  }
  for (let i = 0; i < 50 && neo.live().messages > 0; i += 1) {
    gc();
    await nextTurn();
  }
  assert.equal(neo.live().messages, undefined);
}));

test('messages stay valid after subscription and kernel are closed', async () => {
  const kernel = neo.Kernel.open('mem://');
  const subscription = kernel.subscribe('v', { zeroCopy: true });
  kernel.publish('v', Buffer.alloc(LARGE, 1));
  kernel.publish('v', bytes('small'));
  const [large, small] = subscription.drain();
  subscription.close();
  kernel.close();
  gc();
  await nextTurn();
  assert.equal(large.data[LARGE - 1], 1);
  assert.equal(small.data.toString(), 'small');
  assert.equal(small.topic, 'v');
});

test('the memory of messages cannot be transferred away', () => withKernel((kernel) => {
  const subscription = kernel.subscribe('t', { zeroCopy: true });
  kernel.publish('t', bytes('small'));
  kernel.publish('t', Buffer.alloc(LARGE, 2));
  const [small, large] = subscription.drain();
  const loan = kernel.publisher('t').loan(LARGE);
  for (const { data } of [small, large, loan]) {
    const { port1, port2 } = new MessageChannel();
    try {
      port1.postMessage(data.buffer, [data.buffer]);
    } catch (error) {
      assert.equal(error.name, 'DataCloneError');
    } finally {
      port1.close();
      port2.close();
    }
  }
  assert.equal(small.data.toString(), 'small');
  assert.equal(large.data[5], 2);
  assert.equal(loan.data.length, LARGE);
  loan.abort();
}));
