"""A live stream of the Lab Streaming Layer is decoded as it runs, and its intents go out as MQTT messages.

    python lsl_to_mqtt.py --paradigm motor_imagery [--stream NAME] [--broker HOST:PORT] [--topic neurod]

Topics below --topic, all JSON:

    intent    {"intent", "confidence", "window_start_ms", "window_end_ms", "seq"}, only what is decided and above --threshold; retained
    decode    every live decode as it comes
    features  {"alpha", ..., "quality", "passed", "window_start_ms", "seq"}
    status    "online" or "offline"; retained, and the broker says "offline" by itself where this program is lost

For ROS 2 a node has the same mapping (it needs rclpy, and is not run by our tests):

    intent    std_msgs/String on /neurod/intent, with the intent alone, beside std_msgs/Float32 on /neurod/confidence; transient local, so that late joiners have the last one
    features  std_msgs/Float32MultiArray on /neurod/features: delta, theta, alpha, beta, gamma, quality, in that order (layout.dim[0].label "band")
    status    diagnostic_msgs/DiagnosticStatus on /neurod/status

Whoever moves something by these messages keeps an interlock of their own: an intent is a probability. Needs neurod-client[lsl] and paho-mqtt, and VOXEL_API_KEY.
"""

import argparse
import json
import threading

import paho.mqtt.client as mqtt

import neurod
import neurod.live

parser = argparse.ArgumentParser()
parser.add_argument("--stream", help="name of the LSL stream; by default the first of type EEG")
parser.add_argument("--broker", default="localhost:1883")
parser.add_argument("--topic", default="neurod")
parser.add_argument("--paradigm", default="motor_imagery")
parser.add_argument("--threshold", type=float, default=0.0, help="least confidence of an intent")
parser.add_argument("--window", type=float, default=4.0)
parser.add_argument("--hop", type=float, default=1.0)
parser.add_argument("--seconds", type=float, help="end after so many seconds")
args = parser.parse_args()

host, _, port = args.broker.partition(":")
broker = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
broker.will_set(f"{args.topic}/status", "offline", qos=1, retain=True)
broker.connect(host, int(port or 1883))
broker.loop_start()
broker.publish(f"{args.topic}/status", "online", qos=1, retain=True)


def send(name: str, value: dict[str, object], retain: bool = False) -> None:
    broker.publish(f"{args.topic}/{name}", json.dumps(value), qos=1, retain=retain).wait_for_publish(10)


source = neurod.live.from_lsl(args.stream)
with neurod.Client() as client:
    recording = source.record(client, external_user_id="example", decode={"paradigm": args.paradigm, "window_s": args.window, "hop_s": args.hop})
    print(f"recording session {recording.session.session_id} from {source.device_type}: {', '.join(recording.session.channels)}", flush=True)
    if args.seconds:
        threading.Timer(args.seconds, recording.stop).start()
    try:
        for message in recording.session.stream():
            if message.type == "features":
                window = message.data
                send("features", {**window.bandpower._asdict(), "quality": window.sqi, "passed": window.passed, "window_start_ms": window.window_start_ms, "seq": message.seq})
            elif message.type == "decode":
                decoded = message.data
                send("decode", decoded.to_dict())
                decided = decoded.error is None and decoded.decoded_intent not in (None, "undetermined")
                if decided and (decoded.confidence or 0) >= args.threshold:
                    told = {"intent": decoded.decoded_intent, "confidence": decoded.confidence, "seq": message.seq}
                    send("intent", {**told, "window_start_ms": decoded.window_start_ms, "window_end_ms": decoded.window_end_ms}, retain=True)
    except KeyboardInterrupt:
        pass
    finally:
        stats = recording.stop()
        broker.publish(f"{args.topic}/status", "offline", qos=1, retain=True).wait_for_publish(10)
        broker.disconnect()
    print(f"{stats.samples_sent} samples, {stats.samples_missing} missing, {stats.samples_dropped} dropped")
