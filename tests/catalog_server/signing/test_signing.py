"""Keys, and what they sign: made once, renewed, changed and never half written."""

import json
import stat
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from tuf.api.metadata import Metadata

from catalog_server import signing
from catalog_server.curation.coins import edit_coin, retire_coin
from catalog_server.jobs.upkeep import ClockWatch, renew_timestamp, renewal
from catalog_server.publishing.folder_fetcher import FolderFetcher
from catalog_server.publishing.publish import publish
from catalog_server.publishing.served import published_releases, published_state
from catalog_server.publishing.verify import verify
from catalog_server.signing import keys as keys_module
from catalog_server.signing import repository
from coindex.cli import main
from coindex.errors import CoindexError, StoreError
from coindex.sync import sync


@pytest.fixture
def published(filled, models):
    publish(filled, models)
    return filled


@pytest.fixture
def device(published, tmp_path):
    """A device that has synced."""
    home = tmp_path / "home"
    pull(published, home)
    return home


def pull(store, home):
    return sync("", home, fetcher=FolderFetcher(store.folder))


def ring_of(store, **options):
    return signing.read_keys(store.folder / "keys", **options)


def keyids(store, role):
    return set(signing.current(store.releases).root.roles[role].keyids)


def expires(store, role):
    return signing.current(store.releases).role(role).expires


def test_the_first_publish_makes_keys_and_says_so(filled, models):
    report = publish(filled, models)
    assert report.new_keys == str(filled.folder / "keys")
    assert report.root_fingerprint == signing.fingerprints(filled.releases)[0]
    again = publish(filled, models)
    assert again.new_keys is None and again.root_fingerprint == report.root_fingerprint


def test_each_role_has_a_key_of_its_own_that_nobody_else_can_read(published):
    ring = ring_of(published)
    assert [key.role for key in ring.keys] == ["root", "targets", "snapshot", "timestamp"]
    assert len({key.keyid for key in ring.keys}) == 4
    assert all(key.public.keytype == "ed25519" for key in ring.keys)
    assert stat.S_IMODE(ring.folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in ring.folder.glob("*.pem")} == {0o600}


def test_no_private_key_is_in_the_served_folder(published):
    assert not [path for path in published.releases.rglob("*") if path.is_file() and b"PRIVATE" in path.read_bytes()]


@pytest.mark.parametrize("place", ["releases", "releases/keys", "releases/metadata/../keys"])
def test_keys_in_the_served_folder_are_refused(filled, models, place):
    with pytest.raises(StoreError, match="in the folder that is served"):
        publish(filled, models, keys=filled.folder / place)
    assert signing.current(filled.releases) is None


def test_releases_whose_keys_are_elsewhere_are_not_signed_by_new_ones(published, models, tmp_path):
    retire_coin(published, 1, actor="test")
    with pytest.raises(StoreError, match=r"no keys here, though releases are signed.*COINDEX_KEYS"):
        publish(published, models, keys=tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_keys_under_a_passphrase_sign_for_who_knows_it(filled, models, monkeypatch):
    monkeypatch.setenv(signing.PASSPHRASE, "nine coins")
    publish(filled, models)
    assert all(b"ENCRYPTED PRIVATE KEY" in path.read_bytes() for path in (filled.folder / "keys").glob("*.pem"))
    retire_coin(filled, 1, actor="test")
    before = signing.current(filled.releases).targets_bytes
    for wrong in ("", "ten coins"):
        monkeypatch.setenv(signing.PASSPHRASE, wrong)
        with pytest.raises(StoreError, match=signing.PASSPHRASE):
            publish(filled, models)
        assert signing.current(filled.releases).targets_bytes == before
    assert publish(filled, models, passphrase="nine coins").changed


def test_signed_metadata_say_what_they_lead_to_by_length_and_hash(published):
    served = signing.current(published.releases)
    for role, described in (
        ("snapshot", served.timestamp.snapshot_meta),
        ("targets", served.snapshot.meta["targets.json"]),
    ):
        data = (published.releases / "metadata" / f"{described.version}.{role}.json").read_bytes()
        described.verify_length_and_hashes(data)
        assert described.length == len(data) and described.hashes["sha256"]


def test_a_publish_that_is_cut_off_at_any_write_leaves_the_old_release_or_the_new(
    published, models, device, monkeypatch
):
    retire_coin(published, 1, actor="test")
    for count in range(4):
        with monkeypatch.context() as patch:
            writes = cut_off_after(patch, count)
            if count < 3:
                with pytest.raises(KeyboardInterrupt):
                    publish(published, models)
                assert pull(published, device).to_version == 1
            else:
                assert publish(published, models).changed
    assert [name.partition(".")[2] for name in writes] == ["targets.json", "snapshot.json", "json"]
    assert pull(published, device).to_version > 1
    assert verify(published).problems == ()


def cut_off_after(patch, count):
    """Let `count` files of metadata and keys be written, and no more; their names."""
    names, whole = [], repository.write_whole

    def write(path, data, **options):
        if len(names) == count:
            raise KeyboardInterrupt
        names.append(path.name)
        whole(path, data, **options)

    patch.setattr(repository, "write_whole", write)
    patch.setattr(keys_module, "write_whole", write)
    return names


@pytest.mark.parametrize("role", signing.ROLES)
def test_a_rotation_revokes_the_old_key_and_phones_follow(published, models, device, role):
    old, ring = keyids(published, role), ring_of(published)
    files = set(ring.folder.glob(f"{role}-*.pem"))
    after = signing.rotate(published.releases, ring, [role])
    assert keyids(published, role).isdisjoint(old) and len(keyids(published, role)) == 1
    assert {key.keyid for key in after.keys} == {key.keyid for key in ring_of(published).keys}
    assert not old & {key.keyid for key in after.keys} and not any(path.exists() for path in files)
    assert pull(published, device).up_to_date
    retire_coin(published, 1, actor="test")
    publish(published, models)
    assert pull(published, device).to_version == 2
    assert verify(published).problems == ()


def test_a_new_root_is_signed_by_the_keys_of_the_old_one_and_by_its_own(published):
    old = keyids(published, "root")
    signing.rotate(published.releases, ring_of(published), ["root"])
    root = Metadata.from_file(str(published.releases / "metadata" / "2.root.json"))
    assert set(root.signatures) == old | keyids(published, "root")


@pytest.mark.parametrize("roles", [["root"], ["timestamp"], ["targets", "snapshot", "timestamp"], list(signing.ROLES)])
def test_a_rotation_that_is_cut_off_at_any_write_is_followed_and_ended_by_the_next(
    published, tmp_path, roles, monkeypatch
):
    count, done = 0, False
    while not done:
        old = {role: keyids(published, role) for role in roles}
        home = tmp_path / f"device-{count}"
        pull(published, home)
        with monkeypatch.context() as patch:
            cut_off_after(patch, count)
            try:
                signing.rotate(published.releases, ring_of(published), roles)
                done = True
            except KeyboardInterrupt:
                assert pull(published, home).up_to_date
        signing.rotate(published.releases, ring_of(published), roles)
        assert pull(published, home).up_to_date
        assert all(keyids(published, role).isdisjoint(old[role]) for role in roles)
        assert {key.keyid for key in ring_of(published).keys} == set().union(
            *(keyids(published, r) for r in signing.ROLES)
        )
        count += 1
    assert count > len(roles)
    assert verify(published).problems == ()


def test_a_key_that_was_revoked_never_comes_back(published):
    """As where a rotation was cut off after its root, when the old key was still in the folder."""
    folder, stolen = published.folder / "keys", keyids(published, "timestamp")
    old = {path: path.read_bytes() for path in folder.glob("timestamp-*.pem")}
    before = json.loads((folder / "keys.json").read_bytes())["keys"]
    signing.rotate(published.releases, ring_of(published), ["timestamp"])
    now = json.loads((folder / "keys.json").read_bytes())
    now["keys"] += [key for key in before if key["keyid"] in stolen]
    (folder / "keys.json").write_text(json.dumps(now))
    for path, data in old.items():
        path.write_bytes(data)
    signing.rotate(published.releases, ring_of(published), ["timestamp"])
    assert keyids(published, "timestamp").isdisjoint(stolen) and not any(path.exists() for path in old)


def test_a_lost_timestamp_key_is_replaced_by_the_root_key(published, device):
    for path in (published.folder / "keys").glob("timestamp-*.pem"):
        path.unlink()
    lost = keyids(published, "timestamp")
    signing.rotate(published.releases, ring_of(published), ["timestamp"])
    assert keyids(published, "timestamp").isdisjoint(lost)
    assert pull(published, device).up_to_date


def test_keys_in_a_safe_are_missed_only_where_they_must_sign(published, models, device, tmp_path):
    now, safe = datetime.now(UTC), tmp_path / "safe"
    safe.mkdir()
    for path in (published.folder / "keys").glob("root-*.pem"):
        path.rename(safe / path.name)
    retire_coin(published, 1, actor="test")
    publish(published, models)
    assert "root" not in signing.renew(published.releases, ring_of(published), now=now + timedelta(days=200))
    assert pull(published, device).to_version == 2
    with pytest.raises(StoreError, match="root: cannot be signed"):
        signing.rotate(published.releases, ring_of(published), ["targets"])
    for path in safe.iterdir():
        path.rename(published.folder / "keys" / path.name)
    signing.rotate(published.releases, ring_of(published), ["targets"])
    assert pull(published, device).up_to_date


def test_without_the_root_key_no_key_is_changed(published):
    ring = ring_of(published)
    before = {path.name: path.read_bytes() for path in (published.releases / "metadata").glob("*.json")}
    with pytest.raises(StoreError, match="root: cannot be signed"):
        signing.rotate(published.releases, ring.without(keyids(published, "root")), ["timestamp"])
    assert {path.name: path.read_bytes() for path in (published.releases / "metadata").glob("*.json")} == before


def test_what_is_half_over_is_signed_anew_and_nothing_else(published):
    ring, now = ring_of(published), datetime.now(UTC)
    assert signing.renew(published.releases, ring, now=now + timedelta(days=3)) == ()
    assert signing.renew(published.releases, ring, now=now + timedelta(days=4)) == ("timestamp",)
    assert expires(published, "timestamp") > now + timedelta(days=10)
    assert signing.current(published.releases).targets.version == 1
    roles = signing.renew(published.releases, ring, now=now + timedelta(days=200))
    assert set(roles) == set(signing.ROLES)
    assert min(expires(published, role) for role in signing.ROLES) > now + timedelta(days=206)


def test_a_server_renews_with_the_keys_of_timestamp_and_snapshot_alone(published):
    ring, now = ring_of(published), datetime.now(UTC)
    small = ring.without(keyids(published, "root") | keyids(published, "targets"))
    assert signing.renew(published.releases, small, now=now + timedelta(days=200)) == ("snapshot", "timestamp")
    assert verify(published).problems == ()


def test_the_task_of_a_server_renews_and_says_what_it_cannot(published, monkeypatch, caplog):
    soon = {"timestamp": timedelta(days=30), **{role: timedelta(days=365) for role in ("root", "targets", "snapshot")}}
    monkeypatch.setattr(repository, "LIFETIMES", soon)
    before = expires(published, "timestamp")
    with caplog.at_level("INFO"):
        renew_timestamp(published.releases, published.folder / "keys")
    assert expires(published, "timestamp") > before and "signed timestamp again" in caplog.text
    caplog.clear()
    monkeypatch.setattr("catalog_server.jobs.upkeep.LIFETIMES", {"root": timedelta(days=3650)})
    renew_timestamp(published.releases, published.folder / "nowhere")
    assert "when root runs out" in caplog.text and "keys renew" in caplog.text


def test_a_clock_that_is_set_while_the_server_runs_is_noticed_at_the_next_look(store, caplog):
    passed, ahead = 1000.0, 0.0
    watch = ClockWatch(clock=lambda: 1.8e9 + passed + ahead, steady=lambda: passed)
    task = renewal(store.releases, store.folder / "keys", watch)
    for hours, by, told in (
        (1, 0, ""),
        (9, 5, ""),
        (1, 86_400, "ahead by 1 day"),
        (1, 0, ""),
        (1, -7200, "back by 2:"),
    ):
        caplog.clear()
        passed, ahead = passed + 3600 * hours, ahead + by
        task.run()
        assert (f"clock was set {told}" in caplog.text) if told else not caplog.text


def test_a_store_without_a_release_has_nothing_to_renew(store):
    renew_timestamp(store.releases, store.folder / "keys")
    assert not (store.folder / "keys").exists()


def test_publishing_what_is_published_renews_what_is_due(published, models, monkeypatch):
    monkeypatch.setattr(repository, "LIFETIMES", dict.fromkeys(signing.ROLES, timedelta(days=3650)))
    before = expires(published, "targets")
    assert not publish(published, models).changed
    assert expires(published, "targets") > before


def external_key(folder):
    """A signer's private key, and its public half in a file."""
    private = Ed25519PrivateKey.generate()
    path, public = folder / "stick.pem", folder / "stick.pub"
    path.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public.write_bytes(private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return path, public


def test_an_external_signer_signs_for_its_role(published, models, device, tmp_path):
    path, public = external_key(tmp_path)
    ring = signing.rotate(published.releases, ring_of(published), ["targets"], external=(f"file2:{path}", public))
    assert ring.of("targets")[0].uri == f"file2:{path}"
    retire_coin(published, 1, actor="test")
    publish(published, models)
    assert pull(published, device).to_version == 2
    path.unlink()
    retire_coin(published, 2, actor="test")
    with pytest.raises(StoreError, match=r"targets key .* cannot sign by file2:"):
        publish(published, models)
    assert pull(published, device).to_version == 2


def test_an_external_key_that_phones_cannot_verify_is_refused(published, tmp_path):
    public = tmp_path / "rsa.pub"
    rsa = generate_private_key(65537, 2048).public_key()
    public.write_bytes(rsa.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    for found, match in ((public, "not an Ed25519 key"), (tmp_path / "nowhere", "no public key")):
        with pytest.raises(StoreError, match=match):
            signing.rotate(published.releases, ring_of(published), ["targets"], external=("file2:x", found))


def test_verify_finds_what_phones_would_refuse(published):
    path = published.releases / "metadata" / "timestamp.json"
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"2026-", b"2036-").replace(b"2027-", b"2037-"))
    assert path.read_bytes() != whole
    problems = verify(published).problems
    assert len(problems) == 1 and "not signed by the keys" in problems[0]
    path.write_bytes(b"{")
    problems = verify(published).problems
    assert len(problems) == 1 and "timestamp.json: damaged" in problems[0]


def test_damaged_metadata_and_lists_of_keys_are_told_by_name(published, models):
    (published.folder / "keys" / "keys.json").write_bytes(b"{")
    with pytest.raises(CoindexError, match=r"keys\.json: cannot be read"):
        publish(published, models)
    (published.releases / "metadata" / "1.targets.json").write_bytes(b"{")
    with pytest.raises(StoreError, match=r"1\.targets\.json: damaged.*backup"):
        signing.current(published.releases)


@pytest.fixture
def call(published, capsys, monkeypatch):
    monkeypatch.setenv("COINDEX_STORE", str(published.folder))

    def call(*arguments):
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(["catalog", "keys", *map(str, arguments)])
        out = capsys.readouterr()
        return ended.value.code or 0, out.out, out.err

    return call


def test_keys_are_shown_by_their_ids_and_never_by_what_is_secret(call, published):
    code, out, err = call("show")
    assert code == 0 and signing.fingerprints(published.releases)[0] in out
    document = json.loads(call("show", "--json")[1])
    assert list(document["roles"]) == list(signing.ROLES)
    assert document["roles"]["timestamp"]["expires"].endswith("Z")
    secrets = [path.read_text().splitlines()[1] for path in (published.folder / "keys").glob("*.pem")]
    assert len(secrets) == 4 and not any(secret in out + err + json.dumps(document) for secret in secrets)


def test_keys_are_rotated_by_command(call, published):
    first = signing.fingerprints(published.releases)[0]
    code, out, _ = call("rotate", "timestamp", "root")
    assert code == 0 and "root, timestamp; the old ones are revoked" in out and first in out
    assert call("renew")[1].startswith("nothing is due")
    assert "has keys already" in call("init")[2]
    code, _, err = call("rotate", "captain")
    assert code == 2 and "captain" in err
    assert call("rotate", "root", "--signer", "hsm:")[0] == 2
    assert "no keys here" in call("rotate", "root", "--keys", published.folder / "nowhere")[2]


def test_keys_can_be_made_before_the_first_release(store, models, capsys):
    with pytest.raises(SystemExit):
        main(["catalog", "keys", "init", "--store", str(store.folder), "--json"])
    document = json.loads(capsys.readouterr().out)
    assert document["roles"]["timestamp"]["version"] is None and document["roles"]["root"]["version"] == 1
    assert signing.begin(store.releases, store.folder / "keys") is None


def test_private_keys_that_a_killed_run_left_go_with_the_next_change(published):
    folder = published.folder / "keys"
    old = next(folder.glob("timestamp-*.pem"))
    half = folder / ".root-0123456789ab.pem.tmp"
    half.write_bytes(b"half a key")
    kept = old.read_bytes()
    signing.rotate(published.releases, ring_of(published), ["timestamp"])
    assert not half.exists() and not old.exists()
    old.write_bytes(kept)  # as where the run ended between the list and the file
    signing.rotate(published.releases, ring_of(published), ["snapshot"])
    assert not old.exists()
    assert len(list(folder.glob("*.pem"))) == 4


def test_keys_that_a_killed_run_did_not_list_are_no_part_of_a_ring(store, tmp_path, monkeypatch):
    class Killed(BaseException):
        pass

    def killed(*_, **__):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(keys_module, "write_whole", killed)
        with pytest.raises(Killed):
            signing.begin(store.releases, tmp_path / "keys")
    assert signing.read_keys(tmp_path / "keys") is None
    assert {key.role for key in signing.begin(store.releases, tmp_path / "keys").keys} == set(keys_module.ROLES)


class Shifted(datetime):
    """A clock that is ahead or behind."""

    by = timedelta()

    @classmethod
    def now(cls, tz=None):
        return datetime.now(tz) + cls.by


@pytest.mark.parametrize(
    ("by", "said"), [(timedelta(days=-1), "behind"), (timedelta(days=200), "ahead")], ids=["behind", "ahead"]
)
def test_a_clock_that_cannot_be_right_is_noticed_at_publish(published, models, monkeypatch, by, said):
    retire_coin(published, 3, actor="test")
    before = signing.current(published.releases).targets_bytes
    monkeypatch.setattr(Shifted, "by", by)
    monkeypatch.setattr("catalog_server.publishing.publish.datetime", Shifted)
    with pytest.raises(StoreError, match=f"{said}.* Set the clock"):
        publish(published, models)
    assert signing.current(published.releases).targets_bytes == before
    assert publish(published, models, override="it is right").version == 2


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
def test_a_clock_that_is_another_than_the_databases_is_noticed_at_publish(any_store, models, monkeypatch):
    monkeypatch.setattr("catalog_server.publishing.publish.datetime", Shifted)
    for by, said in ((timedelta(hours=1), "ahead"), (timedelta(hours=-1), "behind")):
        monkeypatch.setattr(Shifted, "by", by)
        with pytest.raises(StoreError, match=f"the database's says .*: one of them is {said}. Set the clock"):
            publish(any_store, models)
    monkeypatch.setattr(Shifted, "by", timedelta(minutes=1))
    with pytest.raises(StoreError, match="the catalogue is empty"):
        publish(any_store, models)


def test_a_publish_whose_old_files_cannot_be_removed_succeeds_and_says_so(published, models, monkeypatch, caplog):
    def full(store):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("catalog_server.publishing.publish.prune", full)
    retire_coin(published, 3, actor="test")
    assert publish(published, models).version == 2
    assert "could not be removed" in caplog.text and "Read-only file system" in caplog.text


def test_what_no_delta_leads_from_any_more_goes_and_what_is_served_stays_whole(published, models, device, monkeypatch):
    monkeypatch.setattr("catalog_server.publishing.prune.RELEASES_WITH_DELTAS", 1)
    targets = published.releases / "targets"
    versions = {1: {path.name for path in targets.iterdir()}}
    for version in range(2, 6):
        edit_coin(published, 1, revision=version - 1, actor="test", design=f"d{version}")
        publish(published, models)
        versions[version] = {path.name for path in targets.iterdir()}
    left = versions[5]
    assert len(list(targets.glob("*.release.json"))) == 3
    assert not any(name.endswith("release.json") for name in (versions[1] | versions[2]) & left)
    assert [manifest.manifest.version for manifest in published_releases(published)] == [5, 4, 3]
    assert published_state(published, 3)
    assert verify(published).problems == ()
    assert pull(published, device).to_version == 5
    roots = {path.name for path in (published.releases / "metadata").glob("*.root.json")}
    assert roots == {"1.root.json"}
