'use strict';

const { assert, bytes, neo, nextTurn, test, withKernel } = require('./harness.js');

const upper = (request) => bytes(request.data.toString().toUpperCase());

test('a call is answered by a handler in the same thread', () => withKernel(async (kernel) => {
  kernel.serve('text', upper);
  const reply = await kernel.call('text', 'upper', bytes('abc'));
  assert.ok(Buffer.isBuffer(reply));
  assert.equal(reply.toString(), 'ABC');
}));

test('a handler sees the method, and may be async', () => withKernel(async (kernel) => {
  kernel.serve('echo', async (request) => {
    await nextTurn();
    return bytes(`${request.method}:${request.data}`);
  });
  const replies = await Promise.all(
    Array.from({ length: 200 }, (_, i) => kernel.call('echo', 'm', bytes(`${i}`))),
  );
  replies.forEach((reply, i) => assert.equal(reply.toString(), `m:${i}`));
}));

test('no more handlers run at a time than asked for', () => withKernel(async (kernel) => {
  let running = 0;
  let most = 0;
  const handler = async () => {
    running += 1;
    most = Math.max(most, running);
    await nextTurn();
    running -= 1;
    return bytes('');
  };
  kernel.serve('slow', handler, { concurrency: 3 });
  await Promise.all(Array.from({ length: 50 }, () => kernel.call('slow', 'm')));
  assert.equal(most, 3);
}));

test('what a handler throws is its answer', () => withKernel(async (kernel) => {
  kernel.serve('bad', (request) => {
    if (request.method === 'text') throw 'no object';
    throw new RangeError('out of bounds');
  });
  await assert.rejects(kernel.call('bad', 'm'), (error) => {
    assert.ok(error instanceof neo.ServiceError);
    assert.equal(error.message, 'RangeError: out of bounds');
    return true;
  });
  await assert.rejects(kernel.call('bad', 'text'), { message: 'no object', code: 'NEO_E_SERVICE' });
  kernel.serve('rejects', async () => {
    throw new Error('later');
  });
  await assert.rejects(kernel.call('rejects', 'm'), { message: 'later' });
}));

test('a handler that returns no payload is told to its caller', () => withKernel(async (kernel) => {
  kernel.serve('wrong', () => ({ not: 'bytes' }));
  await assert.rejects(kernel.call('wrong', 'm'), /TypeError: payload: pass a Buffer/);
}));

test('a handler that returns nothing answers NoReply, unless it answered', () => withKernel(async (kernel) => {
  kernel.serve('silent', () => {});
  await assert.rejects(kernel.call('silent', 'm'), { code: 'NEO_E_NO_REPLY', name: 'NoReplyError' });
  kernel.serve('itself', (request) => request.reply(bytes('done')));
  assert.equal((await kernel.call('itself', 'm')).toString(), 'done');
  kernel.serve('error', (request) => request.replyError('the handler says no'));
  await assert.rejects(kernel.call('error', 'm'), { message: 'the handler says no' });
}));

test('a handler may give its request up and still return or throw', () => withKernel(async (kernel) => {
  kernel.serve('leaves', (request) => {
    request.release();
    return bytes('ignored');
  });
  kernel.serve('throws', async (request) => {
    request.release();
    throw new Error('ignored');
  });
  for (const service of ['leaves', 'throws', 'leaves']) {
    await assert.rejects(kernel.call(service, 'm'), { code: 'NEO_E_NO_REPLY' });
  }
}));

test('requests can be pulled', () => withKernel(async (kernel) => {
  const service = kernel.serve('pulled');
  assert.equal(service.tryRecv(), undefined);
  const replies = [1, 2].map((n) => kernel.call('pulled', `m${n}`, bytes(`${n}`)));
  for await (const request of service) {
    request.reply(bytes(`${request.method}=${request.data}`));
    assert.equal(request.answered, true);
    assert.throws(() => request.reply(bytes('again')), { code: 'NEO_E_MISUSE' });
    request.release();
    assert.throws(() => request.reply(bytes('again')), { code: 'NEO_E_MISUSE' });
    if (request.method === undefined) assert.fail();
    if (service.closed || request.data === undefined) assert.fail();
    if ((await Promise.race([replies[1], nextTurn()])) !== undefined) break;
  }
  assert.deepEqual((await Promise.all(replies)).map(String), ['m1=1', 'm2=2']);
  await assert.rejects(service.recv({ timeout: 5 }), { code: 'NEO_E_TIMEOUT' });
}));

test('a request that is released or forgotten unanswered is NoReply', () => withKernel(async (kernel) => {
  const service = kernel.serve('s');
  const released = kernel.call('s', 'm');
  (await service.recv()).release();
  await assert.rejects(released, { code: 'NEO_E_NO_REPLY' });
  const left = kernel.call('s', 'm');
  service.close();
  await assert.rejects(left, { code: 'NEO_E_NO_REPLY' });
}));

test('nobody there is known at once', () => withKernel(async (kernel) => {
  await assert.rejects(kernel.call('nobody', 'm'), { code: 'NEO_E_NO_RESPONDER' });
}));

test('a call times out, as asked or as the kernel has it', () => {
  return withKernel({ callTimeout: 5 }, async (kernel) => {
    const service = kernel.serve('slow');
    await assert.rejects(kernel.call('slow', 'm'), /slow\/m did not answer in 5 ms/);
    await assert.rejects(kernel.call('slow', 'm', bytes(''), { timeout: 1 }), neo.TimeoutError);
    service.close();
  });
});

test('a call without time sends nothing', () => withKernel(async (kernel) => {
  const service = kernel.serve('s', (request) => request.data);
  const call = kernel.call('s', 'm', bytes('x'), { timeout: 0 });
  await assert.rejects(call, { code: 'NEO_E_TIMEOUT' });
  assert.equal(kernel.counters().routes[0].accepted, 0);
  service.close();
  kernel.close();
  await assert.rejects(kernel.call('s', 'm', bytes('x'), { timeout: 0 }), { code: 'NEO_E_CLOSED' });
}));

test('an aborted call is given up', () => withKernel(async (kernel) => {
  const service = kernel.serve('s');
  const abort = new AbortController();
  const call = kernel.call('s', 'm', bytes(''), { signal: abort.signal });
  const request = await service.recv();
  abort.abort();
  await assert.rejects(call, { name: 'AbortError' });
  request.reply(bytes('too late'));
  assert.equal(kernel.counters().lateReplies, 1);
}));

test('a handler may call, publish, subscribe and close', () => withKernel(async (kernel) => {
  kernel.serve('inner', upper);
  const outer = kernel.serve('outer', async (request) => {
    const subscription = kernel.subscribe('from.handler');
    kernel.publish('from.handler', await kernel.call('inner', 'm', request.data));
    const { data } = await subscription.recv();
    subscription.close();
    outer.close();
    return data;
  });
  assert.equal((await kernel.call('outer', 'm', bytes('deep'))).toString(), 'DEEP');
  await assert.rejects(kernel.call('outer', 'm'), { code: 'NEO_E_NO_RESPONDER' });
}));

test('closing waits for handlers when asked to', () => withKernel(async (kernel) => {
  let ended = false;
  const service = kernel.serve('s', async () => {
    await nextTurn();
    ended = true;
    return bytes('answer');
  });
  const call = kernel.call('s', 'm');
  await nextTurn();
  await service.closeAndJoin();
  assert.equal(ended, true);
  assert.equal((await call).toString(), 'answer');
}));

test('many calls in a row leave timers their turns', () => withKernel(async (kernel) => {
  kernel.serve('s', upper);
  let fired = false;
  setTimeout(() => {
    fired = true;
  }, 1);
  for (let i = 0; !fired; i += 1) {
    assert.ok(i < 1_000_000, 'a timer never fired');
    await kernel.call('s', 'm', bytes('x'));
  }
}));
