"""Asks a Home Assistant as its own page does, for tests/it/home_assistant.rs; run with its own Python.

client.py URL onboard BROKER_PORT     a user and a broker for a fresh one; prints a token that lasts
client.py URL ask TOKEN QUESTIONS     a JSON array of commands of its WebSocket API; prints the array of their results
"""

import asyncio
import json
import sys
from typing import Any

from aiohttp import ClientResponseError, ClientSession

Json = dict[str, Any]


async def ask(session: ClientSession, url: str, token: str, questions: list[Json]) -> list[Any]:
    """Asks one after the other; their results. What is refused ends it with the reason."""
    results = []
    async with session.ws_connect(f"{url}/api/websocket", max_msg_size=0) as socket:
        await socket.receive_json()
        await socket.send_json({"type": "auth", "access_token": token})
        answer = await socket.receive_json()
        if answer["type"] != "auth_ok":
            raise RuntimeError(answer)
        for number, question in enumerate(questions, 1):
            await socket.send_json({"id": number, **question})
            answer = await socket.receive_json()
            if not answer["success"]:
                raise RuntimeError(f"{question}: {answer['error']}")
            results.append(answer["result"])
    return results


async def onboard(session: ClientSession, url: str, broker_port: int) -> str:
    """Makes the first user and the entry of the broker, as the page does when it is opened for the first time."""

    async def post(path: str, token: str | None = None, **body: Any) -> Any:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        async with session.post(url + path, headers=headers, **body) as response:
            text = await response.text()
            try:
                response.raise_for_status()
            except ClientResponseError as error:
                raise RuntimeError(text) from error
            return json.loads(text)

    user = {"client_id": f"{url}/", "name": "Test", "username": "test", "password": "test", "language": "en"}
    made = await post("/api/onboarding/users", json=user)
    code = {"client_id": f"{url}/", "grant_type": "authorization_code", "code": made["auth_code"]}
    token = (await post("/auth/token", data=code))["access_token"]
    flow = await post("/api/config/config_entries/flow", token, json={"handler": "mqtt"})
    broker = {"broker": "127.0.0.1", "port": broker_port}
    made = await post(f"/api/config/config_entries/flow/{flow['flow_id']}", token, json=broker)
    if made["type"] != "create_entry":
        raise RuntimeError(made)
    question = {"type": "auth/long_lived_access_token", "client_name": "test", "lifespan": 365}
    return (await ask(session, url, token, [question]))[0]


async def main(url: str, command: str, *words: str) -> None:
    async with ClientSession() as session:
        if command == "onboard":
            print(await onboard(session, url, int(words[0])))
        else:
            token, questions = words
            print(json.dumps(await ask(session, url, token, json.loads(questions))))


asyncio.run(main(*sys.argv[1:]))
