"""What the library of LSL itself does, on command: a JSON object a line in, one a line out."""

import json
import sys
import threading
import time

import pylsl

FORMATS = {
    "float32": pylsl.cf_float32,
    "double64": pylsl.cf_double64,
    "string": pylsl.cf_string,
    "int32": pylsl.cf_int32,
    "int16": pylsl.cf_int16,
    "int8": pylsl.cf_int8,
    "int64": pylsl.cf_int64,
}
outlets = {}
inlets = {}


def outlet(name, type, channels, rate, format, source_id="", labels=(), unit=""):
    info = pylsl.StreamInfo(name, type, channels, rate, FORMATS[format], source_id)
    if labels:
        described = info.desc().append_child("channels")
        for label in labels:
            channel = described.append_child("channel")
            channel.append_child_value("label", label)
            if unit:
                channel.append_child_value("unit", unit)
    outlets[name] = pylsl.StreamOutlet(info)


def wait(name, seconds):
    return outlets[name].wait_for_consumers(seconds)


def push(name, samples, stamps):
    for sample, stamp in zip(samples, stamps):
        outlets[name].push_sample(sample, stamp)


def chunk(name, samples, stamp):
    outlets[name].push_chunk(samples, stamp)


def stream(name, channels, rate, samples):
    """Pushes samples in real time: value c of sample i is i + c/1000."""

    def run():
        out, begin = outlets[name], pylsl.local_clock()
        for i in range(samples):
            due = begin + i / rate
            while (left := due - pylsl.local_clock()) > 0:
                time.sleep(left)
            out.push_sample([i + c / 1000 for c in range(channels)], due)

    threading.Thread(target=run, daemon=True).start()


def close(name):
    del outlets[name]


def inlet(name, predicate):
    found = pylsl.resolve_bypred(predicate, 1, 20)
    if not found:
        raise RuntimeError("nothing matches " + predicate)
    inlets[name] = pylsl.StreamInlet(found[0], recover=True)
    inlets[name].open_stream(20)
    return inlets[name].info(20).as_xml()


def pull(name, count, seconds):
    samples, stamps, end = [], [], time.monotonic() + seconds
    while len(samples) < count and time.monotonic() < end:
        sample, stamp = inlets[name].pull_sample(end - time.monotonic())
        if sample is not None:
            samples.append(sample)
            stamps.append(stamp)
    return {"samples": samples, "stamps": stamps}


def pull_features(name, count, seconds):
    """JSON has no NaN."""
    got = pull(name, count, seconds)
    got["samples"] = [[None if v != v else v for v in sample] for sample in got["samples"]]
    return got


def correction(name):
    return inlets[name].time_correction(20)


def clock():
    return pylsl.local_clock()


for line in sys.stdin:
    call = json.loads(line)
    try:
        answer = {"ok": globals()[call.pop("do")](**call)}
    except Exception as error:
        answer = {"error": repr(error)}
    print(json.dumps(answer), flush=True)
