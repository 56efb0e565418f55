"""What lies in a store after codes were sent, guessed at and used: neither a code nor a number."""

from pathlib import Path

from hugathome import CodePolicy, OneTimeCodes
from hugathome.codes import ChallengeStore
from hugathome.errors import CodeRejected
from hugathome.sms import OutboxSms
from hugathome.stores import open_code_store
from hugathome.wording.origin_bound import parse_origin_bound

PHONE = "+41791234567"
KEY = b"a secret of thirty-two bytes, no"


def everything_in(url: str, store: ChallengeStore, folder: Path) -> bytes:
    """Return the bytes of a store's files with their journal, or of all its rows."""
    if url == "memory://":
        return repr(vars(store)).encode()
    if url.startswith("sqlite"):
        return b"".join(path.read_bytes() for path in folder.iterdir())
    return rows_of_postgresql(url) if url.startswith("postgresql") else keys_of_redis(url)


def rows_of_postgresql(url: str) -> bytes:
    import psycopg

    with psycopg.connect(url) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        names = [name for (name,) in tables.fetchall()]
        return repr(
            [connection.execute(f"SELECT t::text FROM {name} t").fetchall() for name in names]
        ).encode()


def keys_of_redis(url: str) -> bytes:
    import redis

    with redis.Redis.from_url(url) as client:
        client.config_set("rdbcompression", "no")
        return b"".join(key + (client.dump(key) or b"") for key in client.scan_iter())


async def test_a24_a_store_holds_neither_code_nor_number(code_store_url: str, tmp_path: Path) -> None:
    sms = OutboxSms()
    store = open_code_store(code_store_url)
    codes = OneTimeCodes(
        key=KEY,
        store=store,
        sms=sms,
        site="https://www.example.ch",
        brand="HUG@home",
        policy=CodePolicy(digits=8),
    )
    challenge_id = await codes.send(PHONE, subject="u-1", purpose="log-in")
    line = parse_origin_bound(sms.outbox[-1].text)
    assert line is not None
    try:
        await codes.verify(challenge_id, f"{(int(line.code) + 1) % 10**8:08}")
    except CodeRejected:
        await codes.verify(challenge_id, line.code)

    kept = everything_in(code_store_url, store, tmp_path)
    await codes.aclose()

    assert challenge_id.encode() in kept
    for secret in (line.code, f"{line.code[:4]} {line.code[4:]}", PHONE, PHONE[3:], KEY.decode()):
        assert secret.encode() not in kept
