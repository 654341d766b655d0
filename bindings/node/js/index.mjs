// The same module for `import`: one instance, whichever way it is loaded.

import neo from './index.cjs';

export const {
  Kernel, Loan, Message, NeoClient, Publisher, Request, Service, Subscription, codes, emitter, live,
  NeoError, InvalidError, TooLargeError, FullError, TimeoutError, ClosedError, DetachedError,
  NoResponderError, NoReplyError, PeerDiedError, ServiceError, PanickedError, UnsupportedError,
  OsError, ForkedError, InterruptedError, MisuseError, InternalError, BadHandleError, VersionError,
  NotFoundError,
} = neo;

export default neo;
