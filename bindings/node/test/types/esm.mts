import neo, {
  ClosedError, Kernel, NeoClient, NeoError, TimeoutError, codes, emitter, live,
  type Code, type Counters, type Message, type Published, type Run, type Subscription,
} from 'neo-protocol';

/** Whether two types are the same. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const same = <A, B>(_: Same<A, B>): void => {};

const kernel: Kernel = Kernel.open('mem://', { memory: 1 << 26, callTimeout: Infinity });
same<typeof neo.Kernel, typeof Kernel>(true);

const published = kernel.publish('a', new Uint8Array(1));
same<typeof published, Published>(true);
same<typeof published.accepted, number>(true);

const subscription = kernel.subscribe('a.*', {
  depth: 5, policy: 'latest', group: 'g', zeroCopy: true, signal: AbortSignal.timeout(1),
});
same<typeof subscription, Subscription>(true);
const one = subscription.tryRecv();
same<typeof one, Message | undefined>(true);
same<Message['timestampNs'], bigint | undefined>(true);
same<Message['lostBefore'], number>(true);
const data: Buffer = one!.data;
const headers: ReadonlyArray<readonly [string, Buffer]> = one!.headers;
for await (const message of subscription) same<typeof message, Message>(true);
for await (const batch of subscription.batches({ max: 5 })) same<typeof batch, Message[]>(true);
same<Awaited<ReturnType<Subscription['recvBatch']>>, Message[]>(true);

const publisher = kernel.publisher('a', { sendTimeout: 1.5, stampTime: true });
const run: Run = publisher.publishMany([data, new Uint8Array(1)]);
const stopped: NeoError | undefined = run.error;
const loan = publisher.loan(5);
loan.data.fill(1);
const result: Promise<Published> = publisher.publishAsync(data, { timeout: 1 });

kernel.serve('s', (request) => request.data);
kernel.serve('s', async (request) => request.reply(data), { concurrency: 1 });
kernel.serve('s', () => undefined);
const reply: Buffer = await kernel.call('s', 'm');
const counters: Counters = kernel.counters();
const alive: Record<string, number> = live();

const client = await new NeoClient().connect();
same<typeof client, NeoClient>(true);
emitter(subscription).on('message', (message) => void message.data.length);

try {
  client.close();
} catch (error) {
  if (error instanceof TimeoutError) same<typeof error.code, 'NEO_E_TIMEOUT'>(true);
  if (error instanceof NeoError) same<typeof error.code, Code>(true);
  if (error instanceof ClosedError && error.code === codes.CLOSED) throw error;
}

{
  using scoped = kernel.subscribe('x');
  await using later = kernel.serve('y');
  void scoped;
  void later;
}

// @ts-expect-error: text is no payload
kernel.publish('a', 'text');
// @ts-expect-error: an option that does not exist
kernel.subscribe('a', { dept: 1 });
// @ts-expect-error: a policy that does not exist
kernel.subscribe('a', { policy: 'none' });
// @ts-expect-error: handles are made by a kernel
new neo.Publisher();
// @ts-expect-error: read-only
subscription.pattern = 'b';
// @ts-expect-error: a handler returns bytes
kernel.serve('s', () => 'text');

void [stopped, result, reply, counters, alive, headers];
