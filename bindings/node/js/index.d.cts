/// <reference types="node" />
/**
 * Neo: an embeddable messaging kernel. Publish/subscribe, queue groups and services, without a
 * server.
 *
 * Everything belongs to the thread that made it. Worker threads open the kernel by its name,
 * `mem://NAME`, and get the same one. Nothing here blocks: what waits returns a promise.
 *
 * Times are milliseconds, and Infinity is for ever; sizes are bytes.
 */

/** Bytes to be sent. They are copied before the call returns. */
export type Payload = Uint8Array;

/** What happens when a mailbox is full. */
export type Policy = 'drop_oldest' | 'drop_newest' | 'latest' | 'block' | 'detach';

/** Options of a kernel; what is missing is as the kernel has it. */
export interface OpenOptions {
  /** The same as `memoryBytesMax`. */
  memory?: number;
  /** The limit of payload memory, 256 MiB unless set. */
  memoryBytesMax?: number;
  /** The limit of subscriptions. */
  subscriptionsMax?: number;
  /** The limit of opens of a name. */
  participantsMax?: number;
  /** The limit of calls on their way. */
  callsInFlightMax?: number;
  /** How long a call waits unless told otherwise; 5000 unless set. */
  callTimeout?: number;
  /**
   * Whether a kernel of `shm://` starts its thread, one for each name in the process; true unless
   * set. Without it call `maintain` whenever
   * `maintainFd` is readable, or every few milliseconds.
   */
  thread?: boolean;
  /**
   * Opens a name only if somebody has it open, with the limits that it has; `NotFoundError`
   * otherwise.
   */
  existingOnly?: boolean;
}

/** How something waits. */
export interface WaitOptions {
  /** Milliseconds, 0 does not wait; for ever unless set. */
  timeout?: number;
  /** Ends the wait: it rejects with the signal's reason. Nothing is lost by that. */
  signal?: AbortSignal;
}

export interface PublisherOptions {
  /** How long `publishAsync` waits at full mailboxes unless told otherwise; for ever unless set. */
  sendTimeout?: number;
  /** Whether each message carries the wall clock of its sending. */
  stampTime?: boolean;
  /**
   * What each message carries beside its payload: at most 32, keys of 1 to 255 bytes, in 448 bytes
   * with the topic and 8 bytes for each.
   */
  headers?: Iterable<readonly [key: string, value: Payload]> | Readonly<Record<string, Payload>>;
  /** The trace context of each message, as W3C writes it. */
  traceparent?: string;
}

export interface SubscribeOptions {
  /** Messages that may wait, 1 to 65,536; 1,024 unless set. With `latest`: topics. */
  depth?: number;
  /** `drop_oldest` unless set, `block` in a group. */
  policy?: Policy;
  /** The queue group to join: each message goes to one member. */
  group?: string;
  /** Bytes that may wait in blocks; 1 MiB unless set. */
  mailboxBytesMax?: number;
  /** Bytes of large messages that may be kept without a copy; 64 MiB unless set. */
  pinnedBytesMax?: number;
  /**
   * Whether `data` of large messages is the kernel's own memory also where other subscribers see the
   * same bytes: do not write to them. Otherwise such messages are copied.
   */
  zeroCopy?: boolean;
  /** Closes the subscription when it is aborted. */
  signal?: AbortSignal;
}

export interface ServeOptions {
  /** Requests that may wait, 1 to 65,536; 1,024 unless set. */
  depth?: number;
  /** Promises of the handler that may be open at a time; 64 unless set. */
  concurrency?: number;
}

/** What became of a message. */
export interface Published {
  /** Mailboxes that took it. */
  readonly accepted: number;
  /** This message where a mailbox refused it, and older messages that made room for it. */
  readonly dropped: number;
  /** Mailboxes that had no room in time. */
  readonly timedOut: number;
}

/** How far `publishMany` came. */
export interface Run extends Published {
  /** Messages that were published, from the first on. */
  readonly messages: number;
  /** What the next message met; undefined if all were published. */
  readonly error: NeoError | undefined;
}

/** Counters of one subscription, group or service. */
export interface RouteCounters {
  /** Its pattern, or the service's name. */
  pattern: string;
  /** Its group; empty if it is none. */
  group: string;
  /** What happens when it is full. */
  policy: Policy;
  /** Messages that it holds at most. */
  depth: number;
  /** Messages that entered the mailbox. */
  accepted: number;
  /** Messages that a reader took. */
  delivered: number;
  /** Messages that were refused, evicted or replaced. */
  lost: number;
  /** Messages whose publishers gave up waiting for room. */
  timedOut: number;
  /** Messages in the mailbox. */
  queued: number;
}

/** What happened in a kernel so far. */
export interface Counters {
  /** One entry for each open subscription, group and service with workers. */
  routes: RouteCounters[];
  /** Replies that came after their callers had given up. */
  lateReplies: number;
  /** Requests that workers passed over because their callers had given up. */
  expiredRequests: number;
  /** Bytes of payload memory in use, in whole segments. */
  memoryBytes: number;
  /** Bytes of payload memory that are backed. */
  committedBytes: number;
}

/** What `maintain` restored. */
export interface Reclaimed {
  /** Processes that were dead. */
  participants: number;
  /** Subscriptions, groups and services that were closed. */
  routes: number;
  /** Messages that were begun and not sent; each counts as lost. */
  claims: number;
  /** Blocks of memory that nothing referred to any more. */
  blocks: number;
}

/** What a handler may return: the answer, or nothing if it answered the request itself. */
export type Answer = Payload | undefined | null | void;
export type Handler = (request: Request) => Answer | Promise<Answer>;

/** A kernel for an addon in C or C++: a pointer to a `neo_capsule_t` of `neo.h`. */
export type KernelExternal = { readonly __neoCapsule: unique symbol };

/** The engine instance that a URL names. */
export class Kernel implements Disposable, AsyncDisposable {
  private constructor();
  /**
   * Opens the kernel that a URL names: `mem://` is a private one, `mem://NAME` is shared by all that
   * open the name in this process, workers too, `shm://NAME` by all processes of this user on this
   * host. Without one: what the environment variable NEO_URL names, else `mem://default`.
   *
   * @throws InvalidError no URL of a kernel, a limit out of range, or open with other limits
   * @throws UnsupportedError
   */
  static open(url?: string, options?: OpenOptions): Kernel;
  /** The URL that it was opened with. */
  readonly url: string;
  /** Whether `close` was called. */
  readonly closed: boolean;
  /**
   * Publishes one message to a topic by name, without waiting. A `Publisher` is faster.
   *
   * @throws FullError no mailbox accepted and at least one had no room, or the memory is used up
   * @throws InvalidError, TooLargeError, ClosedError
   */
  publish(topic: string, payload: Payload): Published;
  /** Publishes each payload as a message of its own, without waiting. Throws what the first met. */
  publishMany(topic: string, payloads: Iterable<Payload>): Run;
  /** Makes a topic ready for publishing. */
  publisher(topic: string, options?: PublisherOptions): Publisher;
  /** Subscribes to a pattern. A publish that starts after this returned is delivered. */
  subscribe(pattern: string, options?: SubscribeOptions): Subscription;
  /**
   * Joins a service as a worker; the first one opens it. What `handler` throws is its answer, as a
   * ServiceError; if it returns nothing and has not answered, the caller gets a NoReplyError. Without
   * a handler, requests are pulled.
   */
  serve(name: string, handler?: Handler, options?: ServeOptions): Service;
  /**
   * Calls a method of a service. The request has been sent when this returns; aborted, the call is
   * given up.
   *
   * @throws NoResponderError at once, if nobody serves it
   * @throws TimeoutError, FullError, NoReplyError, ServiceError, PanickedError, PeerDiedError,
   * ClosedError
   */
  call(service: string, method: string, payload?: Payload, options?: WaitOptions): Promise<Buffer>;
  /** What happened so far. */
  counters(): Counters;
  /** Gives memory that nothing uses back to the system. Returns bytes. */
  trim(): number;
  /**
   * Puts right what dead processes left at a kernel of `shm://`, and fires the wakes that others
   * asked for. Only a kernel opened with `thread: false` needs it.
   */
  maintain(): Reclaimed;
  /**
   * The descriptor that is readable while there is something to `maintain`: to be watched by an addon
   * or polled, never to be read or closed. Undefined for a kernel of one process.
   */
  readonly maintainFd: number | undefined;
  /** This very kernel for an addon in C or C++, as long as the External lives. */
  external(): KernelExternal;
  /** Closes it and all that was made of it: whoever waits returns, what was received stays valid. */
  close(): void;
  [Symbol.dispose](): void;
  [Symbol.asyncDispose](): Promise<void>;
}

/** A topic made ready for publishing. */
export class Publisher implements Disposable {
  private constructor();
  /** The topic. */
  readonly topic: string;
  /** Whether `close` was called. */
  readonly closed: boolean;
  /** Publishes one message, without waiting. Throws as `Kernel.publish`. */
  publish(payload: Payload): Published;
  /** Publishes each payload as a message of its own, in order. Throws what the first met. */
  publishMany(payloads: Iterable<Payload>): Run;
  /**
   * Publishes one message; waits at full mailboxes with the policy `block` until they have room, for
   * at most `timeout`. After that it is published where there is room.
   */
  publishAsync(payload: Payload, options?: WaitOptions): Promise<Published>;
  /** Resolves when a full mailbox has room for `bytes` again; false when the time passed. */
  ready(bytes?: number, options?: WaitOptions): Promise<boolean>;
  /** Lends memory of the kernel to write a message in place. */
  loan(length: number): Loan;
  /** Gives it up. */
  close(): void;
  [Symbol.dispose](): void;
}

/** Memory of the kernel to write a message into. Neither sent nor kept, it is given back. */
export class Loan implements Disposable {
  private constructor();
  /** The memory; what it holds beforehand is not specified. After the end it has no bytes. */
  readonly data: Buffer;
  /** Bytes that `send` sends. */
  readonly length: number;
  /** Whether it was sent or given up. */
  readonly closed: boolean;
  /** Sends only the first `length` bytes. */
  truncate(length: number): void;
  /** Publishes the message. Throws as `Kernel.publish`; the memory is given back then as well. */
  send(): Published;
  /** Gives the memory back and sends nothing. After the end it does nothing. */
  abort(): void;
  [Symbol.dispose](): void;
}

/** A received message. It stays valid after its subscription and its kernel are closed. */
export class Message {
  private constructor();
  /**
   * The payload. Small payloads are views of memory that messages share: `Buffer.from(data)` is a
   * copy that keeps nothing else alive.
   */
  readonly data: Buffer;
  /** The topic that it was published to. */
  readonly topic: string;
  /** The user's headers, in the order in which they were added; a key may stand more than once. */
  readonly headers: ReadonlyArray<readonly [key: string, value: Buffer]>;
  /** The trace context that it belongs to, as W3C writes it; undefined without one. */
  readonly traceparent: string | undefined;
  /** Messages that the subscription lost between the one before and this one. */
  readonly lostBefore: number;
  /** When it was sent, in ns since 1970; undefined unless its publisher stamps the time. */
  readonly timestampNs: bigint | undefined;
  /** Its number in its stream; undefined outside streams. */
  readonly seq: bigint | undefined;
  /** Whether `release` was called. */
  readonly released: boolean;
  /**
   * Gives the message up. A large one that was not copied returns its memory now, and
   * buffers on it have no bytes any more.
   */
  release(): void;
}

/**
 * The receiving end of a pattern. A message goes to one caller. Waits at it keep the process alive
 * unless `unref` was called; without one it does not.
 */
export class Subscription implements Disposable, AsyncDisposable {
  private constructor();
  /** The pattern that it was opened with. */
  readonly pattern: string;
  /** Whether `close` was called. */
  readonly closed: boolean;
  /** Messages that wait to be received. */
  readonly queued: number;
  /** Losses since the last message that no message has told. */
  takeLost(): number;
  /**
   * The next message; undefined if none is there.
   *
   * @throws ClosedError, DetachedError nothing is left and nothing will come
   */
  tryRecv(): Message | undefined;
  /** At most `max` messages that are there, 512 unless set. Throws as `tryRecv`. */
  drain(max?: number): Message[];
  /** The next message. Throws as `tryRecv`, and TimeoutError. */
  recv(options?: WaitOptions): Promise<Message>;
  /** At most `max` messages; waits for the first one. An empty array: the time passed. */
  recvBatch(options?: WaitOptions & { max?: number }): Promise<Message[]>;
  /** Resolves when a message may be there; false when the time passed. Takes nothing. */
  ready(options?: WaitOptions): Promise<boolean>;
  /** Batches of at most `max` messages as they come. */
  batches(options?: { max?: number }): AsyncIterableIterator<Message[]>;
  /**
   * Messages as they come. Ends when the subscription or its kernel is closed; leaving the loop
   * leaves it open. Every 512 messages or 10 ms, timers and I/O get a turn.
   *
   * Where many messages wait, at most 32 and at most an eighth of them are taken ahead: no policy
   * drops those any more, and whoever asks this subscription next gets them. In a group, and with the
   * policy `latest`, none are.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<Message>;
  ref(): this;
  unref(): this;
  /** Unsubscribes: nothing arrives any more, what is queued is given up, whoever waits returns. */
  close(): void;
  [Symbol.dispose](): void;
  [Symbol.asyncDispose](): Promise<void>;
}

/** A request with the right to answer it once. */
export class Request implements Disposable {
  private constructor();
  /** The method that was called. */
  readonly method: string;
  /** The argument. */
  readonly data: Buffer;
  /** Whether it was answered. */
  readonly answered: boolean;
  /** Answers with a payload. @throws MisuseError it was answered or released already */
  reply(payload: Payload): void;
  /** Answers with an error: the caller gets a ServiceError with this text, of which 180 bytes travel. */
  replyError(message: string): void;
  /** Gives the request up: unanswered, its caller gets a NoReplyError. */
  release(): void;
  [Symbol.dispose](): void;
}

/** A worker of a service. It keeps the process alive while it waits, unless `unref` was called. */
export class Service implements Disposable, AsyncDisposable {
  private constructor();
  /** The service's name. */
  readonly name: string;
  /** Whether `close` was called. */
  readonly closed: boolean;
  /** The next request; undefined if none is there. @throws ClosedError */
  tryRecv(): Request | undefined;
  /** The next request. @throws ClosedError, TimeoutError */
  recv(options?: WaitOptions): Promise<Request>;
  /** Requests as they come. Ends when the service or its kernel is closed. */
  [Symbol.asyncIterator](): AsyncIterableIterator<Request>;
  ref(): this;
  unref(): this;
  /** Takes no more requests. Handlers that run go on. */
  close(): void;
  /** Takes no more requests, and resolves when the handlers that run have ended. */
  closeAndJoin(): Promise<void>;
  [Symbol.dispose](): void;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * A kernel that is opened by `connect`. Without a URL it means what the environment variable NEO_URL
 * names when it connects, else `mem://default`. After `close` it may be connected again.
 */
export class NeoClient implements Disposable, AsyncDisposable {
  constructor(url?: string, options?: OpenOptions);
  /** The kernel. @throws ClosedError it is not connected */
  readonly kernel: Kernel;
  /** The URL; undefined before it is connected, if the environment names it. */
  readonly url: string | undefined;
  /** Whether it is not connected. */
  readonly closed: boolean;
  /** Opens the kernel; does nothing if it is open. */
  connect(): Promise<this>;
  /** As `Kernel.subscribe`. */
  subscribe(pattern: string, options?: SubscribeOptions): Subscription;
  /** As `Kernel.publisher`. */
  publisher(topic: string, options?: PublisherOptions): Publisher;
  /** Publishes one message to a topic by name; waits for room as `Publisher.publishAsync` does. */
  publish(topic: string, payload: Payload, options?: WaitOptions): Promise<Published>;
  /** As `Kernel.serve`. */
  serve(name: string, handler?: Handler, options?: ServeOptions): Service;
  /** As `Kernel.call`. */
  call(service: string, method: string, payload?: Payload, options?: WaitOptions): Promise<Buffer>;
  /** As `Kernel.counters`. */
  counters(): Counters;
  /** Closes the kernel and all that was made of it; what was received stays valid. */
  close(): void;
  [Symbol.dispose](): void;
  [Symbol.asyncDispose](): Promise<void>;
}

/** What `emitter` returns. */
export interface MessageEmitter extends NodeJS.EventEmitter {
  on(event: 'message', listener: (message: Message) => void): this;
  on(event: 'error', listener: (error: NeoError) => void): this;
  on(event: 'end', listener: () => void): this;
}

/**
 * Emits `message` for each message of a subscription, `error` if it ends with one, and `end`. It
 * takes the subscription over: nobody else is to receive from it.
 */
export function emitter(subscription: Subscription): MessageEmitter;

/** Live objects by kind, those that are zero left out. For tests. */
export function live(): Record<string, number>;

/** The codes of errors by their names: `codes.CLOSED` is `'NEO_E_CLOSED'`. */
export const codes: Readonly<{
  INVALID: 'NEO_E_INVALID';
  TOO_LARGE: 'NEO_E_TOO_LARGE';
  FULL: 'NEO_E_FULL';
  TIMEOUT: 'NEO_E_TIMEOUT';
  CLOSED: 'NEO_E_CLOSED';
  DETACHED: 'NEO_E_DETACHED';
  NO_RESPONDER: 'NEO_E_NO_RESPONDER';
  NO_REPLY: 'NEO_E_NO_REPLY';
  PEER_DIED: 'NEO_E_PEER_DIED';
  SERVICE: 'NEO_E_SERVICE';
  PANICKED: 'NEO_E_PANICKED';
  UNSUPPORTED: 'NEO_E_UNSUPPORTED';
  OS: 'NEO_E_OS';
  FORKED: 'NEO_E_FORKED';
  INTERRUPTED: 'NEO_E_INTERRUPTED';
  MISUSE: 'NEO_E_MISUSE';
  INTERNAL: 'NEO_E_INTERNAL';
  BAD_HANDLE: 'NEO_E_BAD_HANDLE';
  VERSION: 'NEO_E_VERSION';
  NOT_FOUND: 'NEO_E_NOT_FOUND';
}>;

/** The code of an error. */
export type Code = (typeof codes)[keyof typeof codes];

/** What every error of the kernel is. Wrong arguments are a TypeError or a RangeError. */
export class NeoError extends Error {
  constructor(message: string, code?: Code, options?: ErrorOptions);
  /** What to do about it. */
  readonly code: Code;
  /** The code's number, as it stands in the C header. */
  readonly number: number;
}

declare class ErrorOf<C extends Code> extends NeoError {
  constructor(message: string, options?: ErrorOptions);
  readonly code: C;
}

/** An argument is not valid. */
export class InvalidError extends ErrorOf<'NEO_E_INVALID'> {}
/** A message is larger than a limit. */
export class TooLargeError extends ErrorOf<'NEO_E_TOO_LARGE'> {}
/** Memory, a table or a mailbox has no room. */
export class FullError extends ErrorOf<'NEO_E_FULL'> {}
/** The time given has passed. */
export class TimeoutError extends ErrorOf<'NEO_E_TIMEOUT'> {}
/** The handle or its kernel is closed. */
export class ClosedError extends ErrorOf<'NEO_E_CLOSED'> {}
/** The subscription was full and has been closed. */
export class DetachedError extends ErrorOf<'NEO_E_DETACHED'> {}
/** Nobody serves what was called. */
export class NoResponderError extends ErrorOf<'NEO_E_NO_RESPONDER'> {}
/** The service dropped the request unanswered. */
export class NoReplyError extends ErrorOf<'NEO_E_NO_REPLY'> {}
/** The process that worked on the call died. */
export class PeerDiedError extends ErrorOf<'NEO_E_PEER_DIED'> {}
/** The service answered with an error: its text is the message. */
export class ServiceError extends ErrorOf<'NEO_E_SERVICE'> {}
/** The service's handler panicked. */
export class PanickedError extends ErrorOf<'NEO_E_PANICKED'> {}
/** This kind of kernel cannot do that. */
export class UnsupportedError extends ErrorOf<'NEO_E_UNSUPPORTED'> {}
/** The operating system refused. */
export class OsError extends ErrorOf<'NEO_E_OS'> {
  /**
   * Its reason, negative as in Node's own errors: for `util.getSystemErrorName`. Missing where no call
   * of the system is what failed.
   */
  readonly errno?: number;
}
/** The handle belongs to the parent process. */
export class ForkedError extends ErrorOf<'NEO_E_FORKED'> {}
/** The caller's hook ended the wait. */
export class InterruptedError extends ErrorOf<'NEO_E_INTERRUPTED'> {}
/** The handle cannot be used like this. */
export class MisuseError extends ErrorOf<'NEO_E_MISUSE'> {}
/** A defect of the library. */
export class InternalError extends ErrorOf<'NEO_E_INTERNAL'> {}
/** The pointer is no live handle of this type. */
export class BadHandleError extends ErrorOf<'NEO_E_BAD_HANDLE'> {}
/** A struct or the header is of another version. */
export class VersionError extends ErrorOf<'NEO_E_VERSION'> {}
/** Nothing has that name. */
export class NotFoundError extends ErrorOf<'NEO_E_NOT_FOUND'> {}
