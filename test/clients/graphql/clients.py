"""What gql sees, a client of GraphQL that no one here wrote: the three queries of the devices document as they stand there, and subscriptions, over
each of its transports. The client reads the schema from the server and holds every request to it."""

import asyncio
import os
from pathlib import Path

from gql import Client, GraphQLRequest, gql
from gql.transport.aiohttp import AIOHTTPTransport
from gql.transport.aiohttp_websockets import AIOHTTPWebsocketsTransport
from gql.transport.exceptions import TransportError, TransportQueryError
from gql.transport.httpx import HTTPXAsyncTransport
from gql.transport.websockets import WebsocketsTransport

BASE = os.environ["NEUROD_TEST_URL"]
TOKEN = os.environ["NEUROD_TEST_ACCESS_TOKEN"]
KEY = os.environ["NEUROD_TEST_API_KEY"]
DOCUMENT = (Path(os.environ["NEUROD_TEST_ROOT"]) / "test/clients/testdata/neurascale/queries.graphql").read_text()
HTTP, WS = f"{BASE}/graphql", f"{BASE.replace('http', 'ws', 1)}/graphql"


def bearer(credential: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {credential}"}


def transports():
    """A transport of each kind, with a token of a user or a key, in a header or in the connection's parameters. Of the two protocols over WebSockets
    gql by itself takes the older one, graphql-ws."""
    return {
        "aiohttp": AIOHTTPTransport(HTTP, headers=bearer(TOKEN)),
        "httpx": HTTPXAsyncTransport(HTTP, headers=bearer(KEY), timeout=60),
        "websockets": WebsocketsTransport(WS, init_payload=bearer(TOKEN)),
        "aiohttp-websockets": AIOHTTPWebsocketsTransport(WS, init_payload=bearer(KEY), subprotocols=["graphql-transport-ws"]),
    }


def client(transport, schema=None) -> Client:
    return Client(transport=transport, schema=schema, fetch_schema_from_transport=schema is None, execute_timeout=60)


async def follow(name: str, schema, session_id: str) -> None:
    """Reads 100 samples, and how the device stands."""
    async with client(transports()[name], schema) as session:
        request = gql("subscription($id: ID!) { neuralDataReceived(sessionId: $id) { sessionId deviceId seq sample timestamp channels { number value } } }")
        request.variable_values = {"id": session_id}
        samples = []
        async for data in session.subscribe(request):
            samples.append(data["neuralDataReceived"])
            if len(samples) == 100:
                break
        first = samples[0]
        assert (first["sessionId"], first["deviceId"]) == (session_id, "openbci_001"), first
        assert [s["sample"] for s in samples] == list(range(first["sample"], first["sample"] + 100))
        assert all([c["number"] for c in s["channels"]] == [1, 2] for s in samples)
        async for data in session.subscribe(gql('subscription { deviceStatusUpdated(deviceIds: ["openbci_001"]) { deviceId status timestamp } }')):
            assert data["deviceStatusUpdated"]["deviceId"] == "openbci_001", data
            break


async def ask(name: str, schema, session_id: str) -> None:
    """Asks the document's three queries."""
    async with client(transports()[name], schema) as session:

        async def query(operation: str, **variables):
            return await session.execute(GraphQLRequest(DOCUMENT, operation_name=operation, variable_values=variables))

        (device,) = (await query("GetDevicesWithSessions"))["devices"]
        assert (device["id"], device["name"], device["status"]) == ("openbci_001", "Board", "ONLINE"), device
        newest = next(s for s in device["sessions"] if s["id"] == session_id)
        assert newest["name"] == "Run 1" and newest["recordings"][0]["sampleCount"] >= 100, newest
        one = (await query("GetSessionData", sessionId=session_id))["session"]
        assert one["device"] == {"id": "openbci_001", "name": "Board", "type": "EEG"}, one
        assert (one["recordings"][0]["channelCount"], one["recordings"][0]["sampleRate"]) == (2, 250), one
        assert one["endTime"] >= one["startTime"] and one["analysis"] == [], one
        found = (await query("SearchSessions", filters={"search": "run", "deviceId": "openbci_001"}))["sessions"]
        assert [e["node"]["id"] for e in found["edges"]] == [session_id], found
        assert found["pageInfo"]["hasNextPage"] is False and found["pageInfo"]["startCursor"], found
        try:
            await query("GetSessionData", sessionId="session_123")
        except TransportQueryError as e:
            assert e.errors[0]["extensions"]["code"] == "SESSION_NOT_FOUND", e.errors
        else:
            raise AssertionError("a session that is not there")


async def main() -> None:
    async with client(transports()["httpx"]) as session:
        schema = session.client.schema
        start = gql("""mutation($config: StreamConfig!) {
            startStreaming(deviceId: "openbci_001", config: $config, name: "Run 1") { streamId sessionId errors { code message } } }""")
        start.variable_values = {"config": {"sampleRate": 250, "channels": [1, 2]}}
        started = (await session.execute(start))["startStreaming"]
        assert not started["errors"], started
        await asyncio.gather(*(follow(name, schema, started["sessionId"]) for name in ("websockets", "aiohttp-websockets")))
        stopped = (await session.execute(gql('mutation { stopStreaming(deviceId: "openbci_001") { streamId errors { code } } }')))["stopStreaming"]
        assert stopped["streamId"] == started["streamId"] and not stopped["errors"], stopped
    for name in transports():
        await ask(name, schema, started["sessionId"])
    for protocol, said in (("graphql-ws", "invalid_api_key"), ("graphql-transport-ws", "4401")):
        try:
            async with client(WebsocketsTransport(WS, init_payload=bearer("no"), subprotocols=[protocol])):
                pass
        except TransportError as e:
            assert said in f"{e} {e.__cause__}", (protocol, e, e.__cause__)
        else:
            raise AssertionError(f"{protocol}: a credential that is not good")
    print("gql is served over", ", ".join(transports()))


asyncio.run(main())
