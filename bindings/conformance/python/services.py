"""Steps that serve and call, and those that run beside the others."""

from __future__ import annotations

import concurrent.futures
from collections.abc import Callable

from handles import Handler, Handles
from values import LIMIT, NONE, Broken, Seen, Step, digest, payload, seconds, small


class Services(Handles):
    """What a case does with services and calls."""

    def op_serve(self, step: Step) -> None:
        self.keep(step, self.kernel(step).serve(step["service"], **small(step, "depth")))

    def op_serve_handler(self, step: Step) -> None:
        handler = Handler(step["handler"])
        for _ in range(step.get("workers", 1)):
            kernel, options = self.kernel(step), small(step, "depth")
            handler.services.append(kernel.serve(step["service"], handler.answer, **options))
        self.keep(step, handler)

    def op_unhold(self, step: Step) -> None:
        self.find(step["of"]).let_go.set()

    def op_request(self, step: Step) -> Seen:
        try:
            request = self.find(step["service"]).recv(timeout=seconds(step))
        except TimeoutError:
            return NONE
        self.keep(step, request)
        return {"method": request.method, "payload": digest(request.data)}

    def op_reply(self, step: Step) -> None:
        self.take(step["request"]).reply(payload(step["payload"]))

    def op_reply_error(self, step: Step) -> None:
        self.take(step["request"]).reply_error(step["text"])

    def op_call(self, step: Step) -> Seen:
        data = payload(step["payload"])
        kernel = self.kernel(step)
        reply = kernel.call(step["service"], step["method"], data, timeout=seconds(step))
        return {"payload": digest(reply)}

    # beside the others

    def op_start_call(self, step: Step) -> None:
        data = payload(step["payload"])
        self.keep(step, self.kernel(step).start_call(step["service"], step["method"], data))

    def op_await_call(self, step: Step) -> Seen:
        call = self.take(step["of"])
        try:
            return {"payload": digest(call.wait(timeout=LIMIT))}
        except TimeoutError:
            raise Broken("the call still waits") from None

    def op_cancel_call(self, step: Step) -> None:
        self.take(step["of"]).cancel()

    def spawn(self, step: Step, run: Callable[[Step], Seen]) -> None:
        # What it refers to is looked up now, by this thread.
        alone = {key: value for key, value in step.items() if key != "as"}
        world = type(self)(self.case, self.scheme)
        world.handles = dict(self.handles)
        self.keep(step, self.threads.submit(world.run, {**alone, "op": run.__name__[3:]}))

    def op_spawn_call(self, step: Step) -> None:
        self.spawn(step, self.op_call)

    def op_spawn_recv(self, step: Step) -> None:
        self.spawn(step, self.op_recv)

    def op_spawn_publish(self, step: Step) -> None:
        self.spawn(step, self.op_publish)

    def op_join(self, step: Step) -> Seen:
        try:
            return self.take(step["of"]).result(timeout=LIMIT)
        except concurrent.futures.TimeoutError:
            raise Broken(f"`{step['of']}` still waits") from None
