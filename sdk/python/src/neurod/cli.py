"""The command ``neurod-client``."""

from __future__ import annotations

import argparse
import contextlib
import getpass
import json
import os
import shutil
import socket
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from . import Client, NeurodError, __version__
from ._errors import APIStatusError, AuthenticationError

PROGRAM = "neurod-client"


def config_path() -> Path:
    """Return where the login is kept: ``NEUROD_CONFIG``, or ``neurod/client.json`` where the system keeps settings."""
    own = os.environ.get("NEUROD_CONFIG")
    if own:
        return Path(own)
    if os.name == "nt":
        return Path(os.environ.get("APPDATA") or Path.home()) / "neurod" / "client.json"
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "neurod" / "client.json"


def load() -> dict[str, Any]:
    try:
        found = json.loads(config_path().read_text())
    except FileNotFoundError:
        return {}
    except ValueError as err:
        raise NeurodError(f"{config_path()} cannot be read: {err}") from err
    return found if isinstance(found, dict) else {}


def save(config: dict[str, Any]) -> None:
    path = config_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w") as out:
        json.dump(config, out, indent=2)
        out.write("\n")
    with contextlib.suppress(OSError):
        path.chmod(0o600)


def connect(args: argparse.Namespace) -> Client:
    config = load()
    env = os.environ
    key = args.api_key or env.get("VOXEL_API_KEY") or env.get("NEUROD_API_KEY") or config.get("api_key")
    if not key:
        raise NeurodError(f"not logged in: run {PROGRAM} login, or set VOXEL_API_KEY")
    base = args.base_url or env.get("VOXEL_BASE_URL") or env.get("NEUROD_BASE_URL") or config.get("base_url")
    project = args.project or env.get("VOXEL_PROJECT_ID") or env.get("NEUROD_PROJECT_ID") or config.get("project_id")
    return Client(api_key=key, project_id=project, base_url=base)


# Output: tables for people, JSON for machines.


class Out:
    def __init__(self, as_json: bool) -> None:
        self.as_json = as_json

    def document(self, value: Any, text: str) -> None:
        print(json.dumps(plain(value), ensure_ascii=False) if self.as_json else text, flush=True)

    def table(self, head: Sequence[str], rows: Iterable[Sequence[Any]], values: Iterable[Any]) -> None:
        if self.as_json:
            for value in values:
                print(json.dumps(plain(value), ensure_ascii=False))
            return
        told = [[cell(c) for c in row] for row in rows]
        widths = [max(len(h), *(len(r[i]) for r in told)) if told else len(h) for i, h in enumerate(head)]
        room = shutil.get_terminal_size((160, 24)).columns
        for row in [list(head), *told] if told else [list(head)]:
            line = "  ".join(c.ljust(w) for c, w in zip(row, widths)).rstrip()
            print(line if not sys.stdout.isatty() else line[:room])
        if not told:
            print("none")


def plain(value: Any) -> Any:
    if hasattr(value, "to_dict"):
        return value.to_dict()
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    return value


def cell(value: Any) -> str:
    if value is None:
        return "-"
    if hasattr(value, "strftime"):
        return str(value.strftime("%Y-%m-%d %H:%M:%S"))
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, (list, tuple)):
        return ",".join(map(str, value))
    return str(value)


def when(unix: int | None) -> str:
    import datetime

    return "-" if unix is None else datetime.datetime.fromtimestamp(unix).strftime("%Y-%m-%d %H:%M:%S")


def pairs(text: str) -> dict[str, str]:
    """Read ``769=left_hand,770=right_hand``."""
    found = {}
    for part in text.split(","):
        name, equals, value = part.partition("=")
        if not equals or not name.strip() or not value.strip():
            raise argparse.ArgumentTypeError(f"{part!r} is not of the form CODE=CLASS")
        found[name.strip()] = value.strip()
    return found


def parameter(text: str) -> tuple[str, Any]:
    """Read ``serial_port=/dev/ttyUSB0``; what is a number is one."""
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form NAME=VALUE")
    return name.strip(), int(value) if value.strip().lstrip("-").isdigit() else value


def target(text: str) -> dict[str, Any]:
    frequency, _, label = text.partition(":")
    try:
        return {"frequency": float(frequency), **({"label": label} if label else {})}
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form FREQUENCY:LABEL") from None


# Commands.


def login(args: argparse.Namespace, out: Out) -> None:
    config = load()
    base = args.base_url or os.environ.get("VOXEL_BASE_URL") or config.get("base_url") or "http://localhost:8000"
    if args.api_key or not args.email:
        key = args.api_key or getpass.getpass(f"API key for {base}: ")
        with Client(api_key=key, base_url=base) as client:
            own = client.keys.own()
        save({"base_url": base, "api_key": key, "project_id": own.project_id})
        out.document({"base_url": base, "project_id": own.project_id}, f"logged in to {base}, project {own.project_id}, as key {own.name}")
        return
    password = os.environ.get("NEUROD_PASSWORD") or getpass.getpass(f"password of {args.email} at {base}: ")
    with Client(base_url=base, api_key=None) as client:
        client.api_key = None
        client.login(args.email, password)
        projects = client.projects.list()
        if args.project:
            chosen = [p for p in projects if args.project in (p.id, p.name)]
            if not chosen:
                raise NeurodError(f"there is no project {args.project}; there are {', '.join(p.name for p in projects) or 'none'}")
            project = chosen[0]
        elif len(projects) == 1:
            project = projects[0]
        elif not projects:
            project = client.projects.create("My project")
        else:
            raise NeurodError(f"give --project, one of {', '.join(p.name for p in projects)}")
        made = client.keys.create(f"{PROGRAM} on {socket.gethostname()}"[:100], project_id=project.id)
        client.logout()
    save({"base_url": base, "api_key": made.raw_key, "project_id": project.id})
    out.document({"base_url": base, "project_id": project.id}, f"logged in to {base}, project {project.name}; the key is kept in {config_path()}")


def logout(args: argparse.Namespace, out: Out) -> None:
    config_path().unlink(missing_ok=True)
    out.document({"logged_in": False}, "logged out; the key itself is good until it is revoked")


def decode(args: argparse.Namespace, out: Out) -> None:
    from ._recordings import FILES

    common: dict[str, Any] = {
        "paradigm": args.paradigm,
        "model": args.model,
        "events": "all" if args.all_events else None,
        "event_classes": args.classes,
        "stimulus": {"targets": args.target} if args.target else None,
        "channel_names": args.rename,
    }
    failed = 0
    with connect(args) as client:
        for file in args.file:
            try:
                if Path(file).suffix.lower() in FILES:
                    result = client.decode(file, **common, timeout=args.timeout)
                else:
                    result = decode_other(client, file, common, args)
            except (NeurodError, OSError) as err:
                failed += 1
                if len(args.file) == 1:
                    raise
                out.document({"file": str(file), "error": str(err)}, f"{file}: {err}")
                continue
            told = {"file": str(file), **result.to_dict()}
            if result.trials and not args.json:
                trials(result.trials, out)
            lines = [f"{file}: {result.decoded_intent}  confidence {result.confidence:.2f}  {result.paradigm_detected}"]
            if result.clip:
                lines.append(f"  clip  {result.clip.start_s:.1f}-{result.clip.end_s:.1f} s, trial {result.clip.trial} of {result.clip.trials}")
            if result.model:
                lines.append(f"  model {result.model.get('name')}@{result.model.get('version')}")
            if result.trials_summary:
                s = result.trials_summary
                lines.append(
                    f"  trials {s.answered} of {s.trials} answered" + (f", {s.right} of {s.labelled} right (chance {s.chance:.2f})" if s.labelled else "")
                )
            if result.red_flags:
                lines.append(f"  red flags {', '.join(result.red_flags)}")
            if result.undetermined:
                lines.append(f"  {result.undetermined.reason}")
            out.document(told, "\n".join(lines))
    if failed:
        raise SystemExit(1)


def trials(answers: Iterable[Any], out: Out) -> None:
    """Print a line for each trial, as ``neurod decode`` does."""
    rows = []
    for a in answers:
        event = a.clip.event
        named = (event.label or str(event.code)) if event else None
        verdict = None if a.right is None else "right" if a.right else "wrong"
        answer = (a.decoded_intent, f"{a.confidence:.2f}") if a.error is None else (None, None)
        note = " ".join(a.red_flags or []) if a.error is None else f"{a.error.code}: {a.error.message}"
        rows.append((a.clip.trial, f"{a.clip.start_s:.1f}-{a.clip.end_s:.1f}", named, a.label, *answer, verdict, note))
    out.table(("trial", "s", "event", "label", "intent", "confidence", "verdict", "flags"), rows, [])


def decode_other(client: Client, file: str, common: dict[str, Any], args: argparse.Namespace) -> Any:
    """Decode a file of another format: as a session of its own, which goes again."""
    user = f"cli-{os.getpid()}-{os.urandom(4).hex()}"
    session = as_session(client, Path(file), user, args.sample_rate)
    try:
        return client.decode(session_id=session.session_id, **common, timeout=args.timeout)
    finally:
        if not args.keep:
            client.users.erase(user)


def as_session(client: Client, path: Path, user: str, sample_rate: float | None = None) -> Any:
    """Make a session of a file: by the service, or of what it does not read by MNE."""
    if path.suffix.lower() in (".fif", ".gz", ".set", ".cnt", ".mff"):
        import mne

        return client.sessions.ingest_raw(mne.io.read_raw(path, preload=False, verbose="error"), external_user_id=user)
    return client.sessions.import_file(path, external_user_id=user, sample_rate_hz=sample_rate)


def live_source(kind: str, args: argparse.Namespace) -> Any:
    """Return the source that flags describe."""
    from . import live

    if kind == "lsl":
        return live.from_lsl(args.name, type=args.type)
    if kind == "brainflow":
        board: int | str = args.board or "SYNTHETIC_BOARD"
        return live.from_brainflow(int(board) if str(board).lstrip("-").isdigit() else board, **dict(args.parameter))
    if not args.file:
        raise NeurodError("--source file needs --file")
    return live.from_file(args.file, speed=args.speed)


def bridge(args: argparse.Namespace, out: Out) -> None:
    import signal
    import threading

    from . import live

    source = live_source(args.source, args)
    device = args.device or f"{args.source}_001"
    with connect(args) as client:
        state = args.state or config_path().parent / "bridges" / f"{device}.json"
        running = live.Bridge(source, client, device_id=device, name=args.device_name, agent=args.agent, state=state, drain_s=args.drain)
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, lambda *_: running.stop())
        out.document({"device_id": device, "agent": running.agent}, f"device {device} is the server's now, Ctrl-C lets go of it")
        timer = threading.Timer(args.seconds, running.stop) if args.seconds else None
        if timer is not None:
            timer.daemon = True
            timer.start()
        try:
            running.run()
        except KeyboardInterrupt:
            pass


def stream(args: argparse.Namespace, out: Out) -> None:
    from . import live

    decoding: dict[str, Any] | None = None
    if (args.window or args.hop) and not (args.paradigm or args.model):
        raise NeurodError("--window and --hop are of decodes: give --paradigm or --model, too")
    if args.paradigm or args.model:
        decoding = {"paradigm": args.paradigm or "auto", **({"model": args.model} if args.model else {})}
        if args.window:
            decoding["window_s"] = args.window
        if args.hop:
            decoding["hop_s"] = args.hop
    source: live.Source = live_source(args.source, args)
    import threading

    with connect(args) as client:
        recording = source.record(client, external_user_id=args.user, decode=decoding)  # type: ignore[arg-type]
        out.document(
            {"session_id": recording.session.session_id},
            f"recording session {recording.session.session_id}: {', '.join(recording.session.channels[:8])}, Ctrl-C ends it",
        )

        def end() -> None:
            if args.seconds:
                recording._stop.wait(args.seconds)
            else:
                recording.wait()
            with contextlib.suppress(NeurodError):
                recording.stop()

        threading.Thread(target=end, daemon=True).start()
        try:
            for message in recording.session.stream(after_seq=0):
                if message.type == "features":
                    w = message.data
                    out.document(
                        message,
                        f"{w.start:%H:%M:%S}  alpha {w.bandpower.alpha:8.2f} µV²  quality {w.sqi:.2f}  {'' if w.passed else ', '.join(w.gate.reasons or [])}",
                    )
                elif message.type == "decode":
                    d = message.data
                    told = f"{d.decoded_intent} ({d.confidence:.2f})" if d.error is None else d.error.message
                    out.document(message, f"{d.start:%H:%M:%S}  {told}")
        except KeyboardInterrupt:
            pass
        finally:
            stats = recording.stop()
        out.document(
            {"stats": vars(stats)},
            f"{stats.samples_sent} samples sent, {stats.samples_dropped} dropped, {stats.samples_missing} missing in {stats.gaps} gaps, "
            f"{stats.markers} markers",
        )


def sessions(args: argparse.Namespace, out: Out) -> None:
    with connect(args) as client:
        if args.action == "list":
            found = client.sessions.list(external_user_id=args.user, limit=args.limit).to_list()
            head = ("session", "person", "device", "Hz", "channels", "started", "ended", "state")
            rows = [
                (
                    s.session_id,
                    s.external_user_id,
                    s.device_type,
                    s.sample_rate_hz,
                    len(s.channels),
                    s.started_at,
                    s.ended_at,
                    s.processing_state or s.ingestion_mode,
                )
                for s in found
            ]
            out.table(head, rows, found)
            return
        if args.action == "import":
            if not args.target:
                raise NeurodError("sessions import needs a FILE")
            session = as_session(client, Path(args.target), args.user or "cli", args.sample_rate)
            out.document(session, f"session {session.session_id}: {len(session.channels)} channels at {session.sample_rate_hz:g} Hz")
            return
        if not args.target:
            raise NeurodError(f"sessions {args.action} needs the ID of a session")
        session = client.sessions.get(args.target)
        if args.action == "show":
            status = session.status()
            told = {**session.to_dict(), "status": status.to_dict()}
            rows_ = {
                "session": session.session_id,
                "person": session.external_user_id,
                "device": session.device_type,
                "channels": f"{len(session.channels)}: {', '.join(session.channels)}",
                "rate": f"{session.sample_rate_hz:g} Hz",
                "started": cell(session.started_at),
                "ended": cell(session.ended_at),
                "state": session.processing_state or session.ingestion_mode,
                "samples": status.sample_count,
                "windows": status.window_count,
                "decodes": status.decode_count,
                "gaps": len(status.gaps or []),
            }
            out.document(told, "\n".join(f"{k:<10}{v}" for k, v in rows_.items()))
        elif args.action == "end":
            session.end()
            out.document(session, f"session {session.session_id} has ended")
        elif args.action == "events":
            events = list(session.events.list())
            out.table(
                ("seq", "onset s", "duration s", "code", "label"),
                [(e.seq, None if e.onset_ms is None else e.onset_ms / 1000, e.duration_ms / 1000, e.code, e.label) for e in events],
                events,
            )


def export(args: argparse.Namespace, out: Out) -> None:
    with connect(args) as client:
        path = client.sessions.get(args.session).export(args.path, format=args.format, include_raw=args.include_raw or None)
    out.document({"path": str(path), "bytes": path.stat().st_size}, f"{path}: {path.stat().st_size} bytes")


def jobs(args: argparse.Namespace, out: Out) -> None:
    with connect(args) as client:
        if args.action == "list":
            found = client.jobs.list(state=args.state, kind=args.kind, limit=args.limit).to_list()
            rows = [(j.id, j.kind, j.status, when(j.created_at), when(j.finished_at), j.error.code if j.error else None) for j in found]
            out.table(("job", "kind", "status", "created", "finished", "error"), rows, found)
            return
        if not args.job:
            raise NeurodError(f"jobs {args.action} needs the ID of a job")
        job = client.jobs.get(args.job)
        if args.action == "wait":
            job.wait(args.timeout)
        elif args.action == "cancel":
            job.cancel()
        text = f"{job.id}  {job.kind}  {job.status}"
        if job.error:
            text += f"\n{job.error.code}: {job.error.message}"
        if job.output:
            text += "\n" + json.dumps(job.output, indent=2, ensure_ascii=False)
        out.document(job, text)


def models(args: argparse.Namespace, out: Out) -> None:
    with connect(args) as client:
        if args.action == "list":
            found = [m for m in client.models.list() if not args.paradigm or m.paradigm == args.paradigm]
            rows = [
                (m.name, m.version, m.state, m.source, m.paradigm, m.pipeline, m.classes, f"{m.size_bytes / 1e3:.0f} kB", m.requires_license) for m in found
            ]
            out.table(("model", "version", "state", "source", "paradigm", "pipeline", "classes", "size", "licence"), rows, found)
            return
        if not args.model:
            raise NeurodError(f"models {args.action} needs a MODEL")
        if args.action == "show":
            known = client.models.get(args.model)
            card = known.versions[0].card
            out.document(known, "\n".join([f"{known.name}, active version {known.active_version}", json.dumps(card, indent=2, ensure_ascii=False)]))
        elif args.action == "download":
            path = client.models.download(args.model, path=args.path or ".")
            out.document({"path": str(path)}, str(path))
        elif args.action == "upload":
            made = client.models.upload(args.model)
            out.document(made, f"{made.name}@{made.version} is {made.state}")
        elif args.action == "rollback":
            active = client.models.rollback(args.model, args.path)
            out.document(active, f"{active.name}@{active.version} is {active.state}")
        elif args.action == "delete":
            client.models.delete(args.model)
            out.document({"deleted": args.model}, f"{args.model} is deleted")


def train(args: argparse.Namespace, out: Out) -> None:
    with connect(args) as client:
        used: list[Any] = []
        for given in args.recording:
            if Path(given).is_file():
                used.append(as_session(client, Path(given), args.user))
            else:
                used.append(given)
        job = client.models.train(args.name, paradigm=args.paradigm, sessions=used, classes=args.classes, pipeline=args.pipeline)
        result = job.result(args.timeout)
        lines = [f"{result.model}  {result.pipeline}  {', '.join(result.classes or [])}", f"trials {result.trials.used} of {result.trials.found}"]
        for figure in (result.card.get("evaluations") or [])[:3]:
            lines.append("  " + ", ".join(f"{k} {v:g}" if isinstance(v, float) else f"{k} {v}" for k, v in figure.items() if isinstance(v, (str, int, float))))
        if result.beats_chance is not None:
            lines.append("better than guessing" if result.beats_chance else "NO better than guessing")
        out.document(result, "\n".join(lines))


def completion(args: argparse.Namespace, out: Out) -> None:
    if args.shell == "fish":
        print(fish(parser()))
        return
    try:
        import shtab
    except ImportError as err:
        raise NeurodError("completion needs shtab: pip install 'neurod-client[cli]'") from err
    print(shtab.complete(parser(), shell=args.shell))


def fish(of: argparse.ArgumentParser) -> str:
    """Return a script for fish, which shtab does not write: commands, their choices and flags."""

    def quoted(text: str) -> str:
        return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"

    def options(actions: Iterable[argparse.Action], condition: str) -> Iterable[str]:
        for action in actions:
            if isinstance(action, argparse._SubParsersAction) or action.help == argparse.SUPPRESS:
                continue
            values = " ".join(map(str, action.choices or ()))
            if not action.option_strings:
                if values:
                    yield f"complete -c {PROGRAM} -n {quoted(condition)} -f -a {quoted(values)}"
                elif action.metavar and "FILE" in action.metavar:
                    yield f"complete -c {PROGRAM} -n {quoted(condition)} -F"
                continue
            flags = " ".join(f"-l {o[2:]}" if o.startswith("--") else f"-s {o[1:]}" for o in action.option_strings)
            takes = "" if action.nargs == 0 else f" -x -a {quoted(values)}" if values else " -r"
            yield f"complete -c {PROGRAM} -n {quoted(condition)} {flags}{takes} -d {quoted(action.help or '')}"

    lines = [f"# {PROGRAM} completion for fish: {PROGRAM} completion fish | source", f"complete -c {PROGRAM} -f"]
    lines += options(of._actions, "__fish_use_subcommand")
    for group in of._actions:
        if not isinstance(group, argparse._SubParsersAction):
            continue
        told = {choice.dest: choice.help or "" for choice in group._choices_actions}
        for name, command in group.choices.items():
            lines.append(f"complete -c {PROGRAM} -n __fish_use_subcommand -a {name} -d {quoted(told.get(name, ''))}")
            lines += options(command._actions, f"__fish_seen_subcommand_from {name}")
    return "\n".join(lines)


def parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="print JSON, a document a line, for programs")
    common.add_argument("--base-url", default=argparse.SUPPRESS, help="where the server is; by default that of the login")
    common.add_argument("--api-key", default=argparse.SUPPRESS, help="instead of the one of the login")
    common.add_argument("--project", default=argparse.SUPPRESS, help="instead of the one of the login")
    p = argparse.ArgumentParser(prog=PROGRAM, description="Decode, record and train with a neurod server.", parents=[common])
    p.add_argument("--version", action="version", version=f"{PROGRAM} {__version__}")
    sub = p.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name: str, run: Any, text: str) -> argparse.ArgumentParser:
        s = sub.add_parser(name, help=text, description=text, parents=[common])
        s.set_defaults(run=run)
        return s

    s = add("login", login, "Keep a key for a server: one that you have, or with --email one that is made.")
    s.add_argument("--email", help="log in as this user; the password is asked for, or in NEUROD_PASSWORD")
    add("logout", logout, "Forget the key.")

    paradigms = ["motor_imagery", "p300", "ssvep", "seizure", "auto"]
    s = add("decode", decode, "Decode recordings.")
    files(s.add_argument("file", nargs="+", metavar="FILE"))
    s.add_argument("--paradigm", choices=paradigms)
    s.add_argument("--model", help="NAME or NAME@VERSION")
    s.add_argument("--all-events", action="store_true", help="answer every trial of the file")
    s.add_argument("--classes", type=pairs, metavar="CODE=CLASS,…", help="what events stand for")
    s.add_argument("--target", type=target, action="append", metavar="HZ:LABEL", help="a target of SSVEP; may be repeated")
    s.add_argument("--rename", type=pairs, metavar="FROM=TO,…", help="names of channels")
    s.add_argument("--sample-rate", type=float, help="of files that do not tell it")
    s.add_argument("--keep", action="store_true", help="keep the session that is made of a file which a decode does not take as it is")
    s.add_argument("--timeout", type=float, default=600.0)

    s = add("stream", stream, "Record a live source into a session, decode it as it runs, and print what comes.")
    s.add_argument("--source", choices=["lsl", "brainflow", "file"], required=True)
    s.add_argument("--user", default="cli", help="your name for the person")
    s.add_argument("--name", help="of the LSL stream")
    s.add_argument("--type", default="EEG", help="of the LSL stream")
    s.add_argument("--board", help="name or number of the BrainFlow board; by default the synthetic one")
    s.add_argument("--parameter", type=parameter, action="append", default=[], metavar="NAME=VALUE", help="of BrainFlow, such as serial_port=/dev/ttyUSB0")
    files(s.add_argument("--file", metavar="FILE"))
    s.add_argument("--speed", type=float, default=1.0, help="of a file; 0 as fast as it goes")
    s.add_argument("--seconds", type=float, help="end after so many seconds")
    s.add_argument("--paradigm", choices=paradigms[:1] + paradigms[2:], help="decode as it runs")
    s.add_argument("--model")
    s.add_argument("--window", type=float, help="seconds that a decode looks at")
    s.add_argument("--hop", type=float, help="seconds from decode to decode")

    s = add("bridge", bridge, "Run a live source as a device of the server, which starts, stops and configures it.")
    s.add_argument("source", choices=["brainflow", "lsl", "file"])
    s.add_argument("--device", help="id of the device in the project; by default the source and a number")
    s.add_argument("--device-name", help="its name for people")
    s.add_argument("--agent", help="name of this bridge, unique in the project")
    s.add_argument("--name", help="of the LSL stream")
    s.add_argument("--type", default="EEG", help="of the LSL stream")
    s.add_argument("--board", help="name or number of the BrainFlow board; by default the synthetic one")
    s.add_argument("--parameter", type=parameter, action="append", default=[], metavar="NAME=VALUE", help="of BrainFlow, such as serial_port=/dev/ttyUSB0")
    files(s.add_argument("--file", metavar="FILE"))
    s.add_argument("--speed", type=float, default=1.0, help="of a file")
    s.add_argument("--state", metavar="FILE", help="where the bridge keeps who it is, to go on at once after a restart")
    s.add_argument("--drain", type=float, default=30.0, help="seconds that what waits may take when the stream is stopped")
    s.add_argument("--seconds", type=float, help="end after so many seconds")

    s = add("sessions", sessions, "List sessions, show one, end it, or make one of a file.")
    s.add_argument("action", nargs="?", choices=["list", "show", "end", "events", "import"], default="list")
    files(s.add_argument("target", nargs="?", metavar="ID|FILE"))
    s.add_argument("--user", help="only this person's; of an import, whose it is")
    s.add_argument("--limit", type=int, default=50)
    s.add_argument("--sample-rate", type=float, help="of files that do not tell it")

    s = add("export", export, "Write a session to a file: JSON, CSV, EDF or BDF.")
    s.add_argument("session", metavar="ID")
    files(s.add_argument("path", metavar="FILE"))
    s.add_argument("--format", choices=["json", "csv", "edf", "bdf"])
    s.add_argument("--include-raw", action="store_true", help="the batches as they came in, too; of JSON")

    s = add("jobs", jobs, "List jobs, show one, wait for it or cancel it.")
    s.add_argument("action", nargs="?", choices=["list", "show", "wait", "cancel"], default="list")
    s.add_argument("job", nargs="?", metavar="ID")
    s.add_argument("--state", choices=["queued", "running", "completed", "failed", "canceled"])
    s.add_argument("--kind")
    s.add_argument("--limit", type=int, default=50)
    s.add_argument("--timeout", type=float)

    s = add("models", models, "List models, show one, download, upload, roll back or delete.")
    s.add_argument("action", nargs="?", choices=["list", "show", "download", "upload", "rollback", "delete"], default="list")
    files(s.add_argument("model", nargs="?", metavar="MODEL|FILE"))
    s.add_argument("path", nargs="?", metavar="PATH|VERSION", help="where to download to; which version to roll back to")
    s.add_argument("--paradigm", choices=paradigms[:4])

    s = add("train", train, "Train a model on sessions or files with events.")
    s.add_argument("name", metavar="NAME")
    files(s.add_argument("recording", nargs="+", metavar="SESSION|FILE"))
    s.add_argument("--paradigm", choices=paradigms[:3], default="motor_imagery")
    s.add_argument("--classes", type=pairs, required=True, metavar="CODE=CLASS,…")
    s.add_argument("--pipeline")
    s.add_argument("--user", default="cli", help="whose the files are")
    s.add_argument("--timeout", type=float, default=3600.0)

    s = add("completion", completion, "Print a script that completes commands and flags.")
    s.add_argument("shell", choices=["bash", "zsh", "fish", "tcsh"])
    return p


def files(action: argparse.Action) -> None:
    with contextlib.suppress(ImportError):
        import shtab

        action.complete = shtab.FILE  # type: ignore[attr-defined]


def main(argv: Sequence[str] | None = None) -> int:
    args = parser().parse_args(argv)
    for name, value in (("json", False), ("base_url", None), ("api_key", None), ("project", None)):
        if not hasattr(args, name):
            setattr(args, name, value)
    out = Out(args.json)
    try:
        args.run(args, out)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (NeurodError, OSError, ValueError, ImportError) as err:
        if args.json:
            told = {"error": {"message": str(err), "code": getattr(err, "code", None), "status": getattr(err, "status", None)}}
            print(json.dumps(told, ensure_ascii=False))
        hint = f"; run {PROGRAM} login" if isinstance(err, AuthenticationError) else ""
        print(f"{PROGRAM}: {err}{hint}", file=sys.stderr)
        return 2 if isinstance(err, (ValueError, APIStatusError)) and getattr(err, "status", 400) == 400 else 1
    except Exception as err:  # of a library below, such as the reader of a file
        if os.environ.get("NEUROD_TRACEBACK"):
            raise
        what = f"{type(err).__name__}: {err}"
        if args.json:
            print(json.dumps({"error": {"message": what, "code": None, "status": None}}, ensure_ascii=False))
        print(f"{PROGRAM}: {what} (NEUROD_TRACEBACK=1 shows where)", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
