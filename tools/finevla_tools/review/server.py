"""The local server of `finevla review`: its page, the data set's videos and tracks, and the review as JSON."""

import asyncio
import mimetypes
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from aiohttp import web

from finevla_core.errors import FineVLAError
from finevla_tools.annotate.annotation import APPROVED, DIMENSIONS, DRAFT, REJECTED, TEXT, TEXT_SLOTS
from finevla_tools.datasets.annotation_table import SCHEMA
from finevla_tools.datasets.lerobot_files import EpisodeFile, LeRobotFiles
from finevla_tools.review import request_checks
from finevla_tools.review.review_export import write_table
from finevla_tools.review.review_store import ConflictError, EpisodeState, ReviewStore, Revision
from finevla_tools.review.reviewer_agreement import agreements
from finevla_tools.review.signal_tracks import read_tracks
from finevla_tools.review.sql_connection import DatabaseFaultError

PAGE = Path(__file__).parent / "page"
FILES = {path.name: path for path in PAGE.iterdir() if path.suffix in (".js", ".css", ".svg")}
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
mimetypes.add_type("text/javascript", ".js")


@dataclass(frozen=True)
class ReviewOptions:
    """Where it is served, the token that is needed ("" for none), and the reviewer's name to begin with."""

    host: str
    port: int
    token: str = ""
    reviewer: str = ""


class ReviewServer:
    """Answers requests for one data set and one review; everything that waits for files runs in threads."""

    def __init__(self, dataset: LeRobotFiles, store: ReviewStore, options: ReviewOptions) -> None:
        self._dataset, self._store, self._options = dataset, store, options
        self._episodes = {episode.index: episode for episode in dataset.episodes}
        self._access = request_checks.AccessCheck(options.token)

    def application(self) -> web.Application:
        """The application, to be run by aiohttp."""
        app = web.Application(middlewares=[self._guard], client_max_size=request_checks.MAX_BODY)
        app.router.add_get("/", self._index)
        app.router.add_get("/page/{name}", self._file)
        app.router.add_get("/video/{episode:\\d{1,8}}/{camera:\\d{1,3}}", self._video)
        api = {
            "GET": {"review": self._review, "queue": self._queue, "agreement": self._agreement, "export": self._export},
            "POST": {"next": self._next},
        }
        for method, handlers in api.items():
            for name, handler in handlers.items():
                app.router.add_route(method, f"/api/{name}", handler)
        one = "/api/episodes/{episode:\\d{1,8}}"
        app.router.add_get(one, self._episode)
        app.router.add_get(f"{one}/tracks", self._tracks)
        app.router.add_get(f"{one}/history", self._history)
        for name, handler in (
            ("claim", self._claim), ("release", self._release), ("edits", self._edits), ("verdict", self._verdict),
        ):  # fmt: skip
            app.router.add_post(f"{one}/{name}", handler)
        return app

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            if refusal := self._access.refusal(request):
                answer: web.StreamResponse = _sentence(403, refusal)
            elif request.path == "/" and "token" in request.query:
                answer = self._log_in(request)
            elif not self._access.knows(request):
                answer = _sentence(401, "open the address with the token that 'finevla review' printed")
            else:
                answer = await handler(request)
        except ConflictError as error:
            answer = _sentence(409, str(error))
        except DatabaseFaultError as error:  # the page keeps what it wanted to say, and sends it again
            answer = _sentence(503, str(error))
        except FineVLAError as error:
            answer = _sentence(400, str(error))
        except web.HTTPException as error:
            answer = _sentence(error.status, error.reason)
        answer.headers.update(request_checks.HEADERS)
        if not request.path.startswith(("/video/", "/page/")):
            answer.headers["Cache-Control"] = "no-store"
        return answer

    def _log_in(self, request: web.Request) -> web.StreamResponse:
        if not self._access.same(request.query["token"]):
            return _sentence(401, "this is not the token")
        answer = web.Response(status=303, headers={"Location": "/"})
        answer.set_cookie(
            request_checks.COOKIE, self._options.token, httponly=True, samesite="Strict", max_age=30 * 86400
        )
        return answer

    async def _index(self, request: web.Request) -> web.StreamResponse:
        return web.FileResponse(PAGE / "index.html")

    async def _file(self, request: web.Request) -> web.StreamResponse:
        path = FILES.get(request.match_info["name"])
        if path is None:
            raise FineVLAError("there is no such file")
        return web.FileResponse(path, headers={"Cache-Control": "no-cache"})

    async def _video(self, request: web.Request) -> web.StreamResponse:
        videos, camera = self._file_of(request).videos, int(request.match_info["camera"])
        if camera >= len(videos) or not videos[camera].path.is_file():
            return _sentence(404, "the data set has no such video")
        return web.FileResponse(videos[camera].path, headers={"Cache-Control": "private, max-age=3600"})

    async def _review(self, request: web.Request) -> web.StreamResponse:
        dataset, store = self._dataset, self._store
        return web.json_response(
            {
                "name": dataset.root.resolve().name,
                "robot": dataset.robot,
                "fps": dataset.fps,
                "reviewer": self._options.reviewer,
                "reviewers": store.reviewers,
                "dimensions": {**{name: list(slots) for name, slots in DIMENSIONS.items()}, TEXT: list(TEXT_SLOTS)},
                "counts": await asyncio.to_thread(store.counts),
            }
        )

    async def _queue(self, request: web.Request) -> web.StreamResponse:
        status = request.query.get("status", "open")
        if status not in ("open", "all", "disputed", DRAFT, APPROVED, REJECTED):
            raise FineVLAError(f"there is no status '{status[:40]}'")
        offset, limit = (
            request_checks.number(request, "offset", 0, 100_000_000),
            request_checks.number(request, "limit", 100, 500),
        )
        found = await asyncio.to_thread(self._store.queue, status, offset, limit)
        counts = await asyncio.to_thread(self._store.counts)
        return web.json_response({"episodes": [self._row(state) for state in found], "counts": counts})

    async def _episode(self, request: web.Request) -> web.StreamResponse:
        episode, reviewer = self._number(request), request_checks.person(request.query.get("reviewer"))
        state = await asyncio.to_thread(self._store.state, episode)
        items = await asyncio.to_thread(self._store.items, episode, reviewer)
        history = await asyncio.to_thread(self._store.history, episode)
        drafts = {row.item: row for row in reversed(history) if row.action == "draft"}
        others: dict[str, set[str]] = {}
        for row in history:
            if row.track and state.status == "disputed":
                others.setdefault(row.item, set()).add(f"{row.track}: {row.said.value}")
        file = self._episodes.get(episode)
        return web.json_response(
            {
                **self._row(state),
                "items": [
                    _item(row, drafts.get(row.item)) | {"alternatives": sorted(others.get(row.item, ()))}
                    for row in items
                ],
                "videos": self._videos(file) if file else [],
                "length_s": self._length_s(file, items),
                "tasks": list(file.tasks or ()) if file else [],
            }
        )

    async def _tracks(self, request: web.Request) -> web.StreamResponse:
        found = await asyncio.to_thread(read_tracks, self._dataset, self._file_of(request))
        return web.json_response(asdict(found))

    async def _history(self, request: web.Request) -> web.StreamResponse:
        episode, reviewer = self._number(request), request_checks.person(request.query.get("reviewer"))
        state = await asyncio.to_thread(self._store.state, episode)
        rows = await asyncio.to_thread(self._store.history, episode)
        is_blind = self._store.reviewers == 2 and state.status == DRAFT
        return web.json_response(
            {"revisions": [_item(row, None) for row in rows if not is_blind or row.track in ("", reviewer)]}
        )

    async def _agreement(self, request: web.Request) -> web.StreamResponse:
        rows = await asyncio.to_thread(self._store.everything)
        return web.json_response({"pairs": [asdict(pair) for pair in agreements(rows)]})

    async def _export(self, request: web.Request) -> web.StreamResponse:
        rows = await asyncio.to_thread(self._store.approved)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "annotations.parquet"
            write_table(path, SCHEMA, (tuple(asdict(row).values()) for row in rows))
            content = path.read_bytes()
        headers = {"Content-Disposition": 'attachment; filename="annotations.parquet"'}
        return web.Response(body=content, content_type="application/octet-stream", headers=headers)

    async def _next(self, request: web.Request) -> web.StreamResponse:
        said = await request_checks.body(request)
        skipped = said.get("skipped", [])
        if not isinstance(skipped, list) or len(skipped) > 10_000 or not all(type(n) is int for n in skipped):
            raise FineVLAError("skipped must be a list of at most 10,000 episodes")
        found = await asyncio.to_thread(
            self._store.claim_next, request_checks.person(said.get("reviewer")), set(skipped)
        )
        return web.json_response({"episode": found, "counts": await asyncio.to_thread(self._store.counts)})

    async def _claim(self, request: web.Request) -> web.StreamResponse:
        reviewer = request_checks.person((await request_checks.body(request)).get("reviewer"))
        state = await asyncio.to_thread(self._store.claim, self._number(request), reviewer)
        return web.json_response(self._row(state))

    async def _release(self, request: web.Request) -> web.StreamResponse:
        reviewer = request_checks.person((await request_checks.body(request)).get("reviewer"))
        await asyncio.to_thread(self._store.release, self._number(request), reviewer)
        return web.json_response({})

    async def _edits(self, request: web.Request) -> web.StreamResponse:
        said, episode = await request_checks.body(request), self._number(request)
        reviewer, batch = request_checks.person(said.get("reviewer")), request_checks.text(said, "batch")
        edits = request_checks.edits(said)
        items = await asyncio.to_thread(self._store.edit, episode, reviewer, batch, edits)
        return web.json_response({"items": [_item(row, None) for row in items]})

    async def _verdict(self, request: web.Request) -> web.StreamResponse:
        said, episode = await request_checks.body(request), self._number(request)
        verdict = said.get("verdict")
        if verdict not in (APPROVED, REJECTED, DRAFT):
            raise FineVLAError("verdict must be approved, rejected or draft")
        reviewer, batch = request_checks.person(said.get("reviewer")), request_checks.text(said, "batch")
        seen = request_checks.versions(said)
        state = await asyncio.to_thread(self._store.judge, episode, reviewer, batch, seen, verdict)
        return web.json_response(self._row(state))

    def _number(self, request: web.Request) -> int:
        return int(request.match_info["episode"])

    def _file_of(self, request: web.Request) -> EpisodeFile:
        file = self._episodes.get(self._number(request))
        if file is None:
            raise FineVLAError(f"the data set has no episode {self._number(request)}")
        return file

    def _row(self, state: EpisodeState) -> dict[str, Any]:
        file = self._episodes.get(state.episode)
        return asdict(state) | {"task": (file.tasks or ("",))[0] if file else ""}

    def _videos(self, file: EpisodeFile) -> list[dict[str, Any]]:
        found = []
        for camera, footage in enumerate(file.videos):
            if footage.key in self._dataset.depth:
                continue
            info = self._dataset.features[footage.key].get("info") or {}
            found.append(
                {
                    "camera": footage.key.rpartition(".")[2],
                    "url": f"/video/{file.index}/{camera}",
                    "begin_s": footage.begin_s,
                    "codec": str(info.get("video.codec", "")) if isinstance(info, dict) else "",
                    "is_there": footage.path.is_file(),
                }
            )
        return found

    def _length_s(self, file: EpisodeFile | None, items: list[Revision]) -> float:
        if file is not None and file.length:
            return file.length / self._dataset.fps
        return max((row.said.to_s for row in items), default=0.0)


def _item(row: Revision, draft: Revision | None) -> dict[str, Any]:
    said = asdict(row.said)
    mine = {"item": row.item, "track": row.track, "version": row.version, "action": row.action, "at_s": row.at_s}
    return said | mine | {"draft": draft.said.value if draft else None}


def _sentence(status: int, text: str) -> web.Response:
    return web.json_response({"error": text}, status=status)
