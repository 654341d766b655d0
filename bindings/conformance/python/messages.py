"""Steps that publish, lend and receive."""

from __future__ import annotations

import neo_protocol
from handles import Handles
from values import (
    NONE,
    Broken,
    Seen,
    Step,
    counts,
    digest,
    given,
    message,
    payload,
    seconds,
    small,
)


class Messages(Handles):
    """What a case does with publishers, loans and subscriptions."""

    def op_publisher(self, step: Step) -> None:
        options = given(step, "stamp_time", "traceparent")
        if "header_keys" in step:
            values = map(payload, step["header_values"])
            options["headers"] = list(zip(step["header_keys"], values, strict=True))
        if "send_timeout_ns" in step:
            options["send_timeout"] = seconds(step, "send_timeout_ns")
        self.keep(step, self.kernel(step).publisher(step["topic"], **options))

    def publish(self, step: Step, data: bytes) -> neo_protocol.Published:
        if "publisher" in step:
            return self.find(step["publisher"]).publish(data)
        return self.kernel(step).publish(step["topic"], data)

    def op_publish(self, step: Step) -> Seen:
        return counts(self.publish(step, payload(step["payload"])))

    def op_publish_many(self, step: Step) -> Seen:
        publisher = self.find(step["publisher"])
        run = publisher.publish_many([payload(value) for value in step["payloads"]])
        stopped = "-" if run.error is None else run.error.code.symbol
        return {"messages": run.messages, **counts(run), "stopped": stopped}

    def op_publish_numbers(self, step: Step) -> Seen:
        total = {"accepted": 0, "dropped": 0, "timed_out": 0}
        for number in range(step["from"], step["from"] + step["count"]):
            result = self.publish(step, b"%d" % number)
            for key in total:
                total[key] += getattr(result, key)
        return {**total}

    def op_loan(self, step: Step) -> Seen:
        loan = self.find(step["publisher"]).loan(step["len"])
        self.keep(step, loan)
        return {"len": len(loan)}

    def op_write(self, step: Step) -> None:
        data, at = payload(step["payload"]), step.get("at", 0)
        loan = self.find(step["loan"])
        if at + len(data) > len(loan):
            raise Broken("the step writes beyond the loan")
        loan[at : at + len(data)] = data

    def op_truncate(self, step: Step) -> Seen:
        self.find(step["loan"]).truncate(step["len"])
        return {"len": step["len"]}

    def op_send(self, step: Step) -> Seen:
        return counts(self.take(step["loan"]).commit())

    def op_abort(self, step: Step) -> None:
        self.take(step["loan"]).abort()

    # receiving

    def op_subscribe(self, step: Step) -> None:
        options = given(
            step, "policy", "group", "wait", "mailbox_bytes_max", "pinned_bytes_max"
        ) | small(step, "depth")
        self.keep(step, self.kernel(step).subscribe(step["pattern"], **options))

    def received(self, step: Step, one: neo_protocol.Message | None) -> Seen:
        if one is None:
            return NONE
        seen = message(one)
        if "as" in step:
            self.keep(step, one)
        else:
            one.release()
        return seen

    def op_try_recv(self, step: Step) -> Seen:
        return self.received(step, self.find(step["sub"]).try_recv())

    def op_recv(self, step: Step) -> Seen:
        try:
            return self.received(step, self.find(step["sub"]).recv(timeout=seconds(step)))
        except TimeoutError:
            return NONE

    def op_recv_batch(self, step: Step) -> Seen:
        batch = self.find(step["sub"]).recv_batch(step["max"], timeout=seconds(step))
        seen: Seen = {
            "count": len(batch),
            "topics": ",".join(one.topic for one in batch),
            "payloads": ",".join(digest(one.data) for one in batch),
            "lost": sum(one.lost_before for one in batch),
        }
        for one in batch:
            one.release()
        return seen

    def op_recv_numbers(self, step: Step) -> Seen:
        numbers, lost = [], 0
        while len(numbers) < step["count"]:
            one = self.find(step["sub"]).try_recv()
            if one is None:
                break
            numbers.append(int(one.data))
            lost += one.lost_before
        return {
            "count": len(numbers),
            "first": numbers[0] if numbers else 0,
            "last": numbers[-1] if numbers else 0,
            "in_order": all(a < b for a, b in zip(numbers, numbers[1:])),
            "lost": lost,
        }

    def op_read(self, step: Step) -> Seen:
        return message(self.find(step["of"]))

    def op_headers(self, step: Step) -> Seen:
        one: neo_protocol.Message = self.find(step["of"])
        return {
            "keys": ",".join(key for key, _ in one.headers),
            "payloads": ",".join(digest(value) for _, value in one.headers),
            "traceparent": one.traceparent or "-",
        }

    def op_take_lost(self, step: Step) -> Seen:
        return {"lost": self.find(step["sub"]).take_lost()}

    def op_queued(self, step: Step) -> Seen:
        return {"queued": self.find(step["sub"]).queued}
