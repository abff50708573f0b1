"""Debian's Chromium, headless, driven through its DevTools protocol: pages, real key presses, screenshots."""

import base64
import json
import os
import shutil
import signal
import subprocess
import time
import urllib.request
from pathlib import Path
from typing import Any, Self

from websockets.sync.client import connect

CHROMIUM = shutil.which("chromium")
NO_BROWSER = "no browser: 'apt-get install chromium' brings one"
_NAMED = {"Enter": (13, "\r"), "Escape": (27, ""), "ArrowUp": (38, ""), "ArrowDown": (40, ""), "ArrowLeft": (37, ""),
          "ArrowRight": (39, ""), "Tab": (9, ""), " ": (32, " ")}  # fmt: skip


class Browser:
    """One Chromium with one page; its profile stays in `folder`, so that a second one finds what the first kept."""

    def __init__(self, folder: Path, size: tuple[int, int] = (1600, 900)) -> None:
        assert CHROMIUM is not None, NO_BROWSER
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "DevToolsActivePort").unlink(missing_ok=True)
        command = [CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0", "--no-first-run",
                   "--disable-background-networking", "--lang=en-US", "--remote-allow-origins=*", f"--user-data-dir={folder}",
                   f"--window-size={size[0]},{size[1]}", "about:blank"]  # fmt: skip
        self._process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        self._number = 0
        port = _wait(lambda: _port(folder), 60, "the browser's port")
        pages = _wait(lambda: _pages(port), 30, "a page")
        self._socket = connect(pages[0]["webSocketDebuggerUrl"], max_size=None, compression=None)
        self.send("Page.enable")
        self.send("Runtime.enable")
        self.send(
            "Emulation.setDeviceMetricsOverride", width=size[0], height=size[1], deviceScaleFactor=1, mobile=False
        )

    def send(self, method: str, **params: Any) -> dict[str, Any]:
        """One command of the protocol and its answer."""
        self._number += 1
        self._socket.send(json.dumps({"id": self._number, "method": method, "params": params}))
        while True:
            answer = json.loads(self._socket.recv(timeout=60))
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                return dict(answer["result"])

    def open(self, url: str) -> None:
        """Go to a page."""
        self.send("Page.navigate", url=url)

    def run(self, code: str) -> Any:
        """The value of an expression of JavaScript; a promise is waited for."""
        done = self.send("Runtime.evaluate", expression=code, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in done, done["exceptionDetails"]
        return done["result"].get("value")

    def wait(self, code: str, seconds: float = 60.0) -> Any:
        """Wait until an expression is true, and return it; it may fail until then, as while a page loads."""
        safe = f"(() => {{ try {{ return ({code}); }} catch {{ return null; }} }})()"
        return _wait(lambda: self.run(safe), seconds, code)

    def press(self, *keys: str) -> None:
        """Press keys one after another, as a person would."""
        for key in keys:
            code, text = _NAMED.get(key, (ord(key.upper()) if len(key) == 1 else 0, key if len(key) == 1 else ""))
            told = {"key": key, "windowsVirtualKeyCode": code}
            self.send("Input.dispatchKeyEvent", type="keyDown", **told, **({"text": text} if text else {}))
            self.send("Input.dispatchKeyEvent", type="keyUp", **told)

    def type(self, text: str) -> None:
        """Enter text into what has the focus."""
        self.send("Input.insertText", text=text)

    def screenshot(self, path: Path) -> None:
        """What is seen, as PNG."""
        path.write_bytes(base64.b64decode(self.send("Page.captureScreenshot", format="png")["data"]))

    def kill(self) -> None:
        """End it as a crash would."""
        self._end(signal.SIGKILL)

    def close(self) -> None:
        """End it as a person would, so that the profile is written."""
        if self._process.poll() is None:
            self._number += 1
            self._socket.send(json.dumps({"id": self._number, "method": "Browser.close"}))
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self._end(signal.SIGKILL)

    def _end(self, how: signal.Signals) -> None:
        if self._process.poll() is None:
            os.killpg(self._process.pid, how)
            self._process.wait(20)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _wait(ask: Any, seconds: float, what: str) -> Any:
    end = time.monotonic() + seconds
    while not (found := ask()):
        assert time.monotonic() < end, f"waited {seconds} s for {what}"
        time.sleep(0.05)
    return found


def _port(folder: Path) -> str:
    file = folder / "DevToolsActivePort"
    return (file.read_text() or "\n").splitlines()[0] if file.exists() else ""


def _pages(port: str) -> list[dict[str, Any]]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/json", timeout=10) as answer:
        return [page for page in json.load(answer) if page["type"] == "page"]
