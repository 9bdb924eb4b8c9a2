"""What every driver does alike: the contract of ledger/store.py, first at its edges."""

from __future__ import annotations

import threading

import pytest

from ledger.store import Batch, BodyRow, PartRow, Store, StreamRow, TileRow
from proofs.census import bucket_index, stream_hash
from proofs.errors import ConflictError, RefusedError


class StopError(Exception):
    """Raised by a test to leave a transaction."""


def entries(start: int, count: int) -> list[tuple[int, bytes]]:
    return [(seq, b"entry %d" % seq) for seq in range(start, start + count)]


def write(store: Store, batch: Batch) -> None:
    with store.writing():
        store.write(batch)


def filled(store: Store, count: int) -> Store:
    write(
        store,
        Batch(
            entries=entries(0, count),
            bodies=[(seq, b"s%d" % seq, b"b%d" % seq) for seq in range(count)],
            identities=[(f"id-{seq}", "source", seq, b"c%d" % seq) for seq in range(count)],
        ),
    )
    return store


class TestEntries:
    def test_a_fresh_store_is_empty(self, store: Store) -> None:
        assert store.size() == 0
        assert store.headers(0, 9) == []
        assert store.bodies([0, 1]) == {}
        assert store.meta() == {"format": "1", "origin": "ledger.example/conformance"}

    @pytest.mark.parametrize(
        ("start", "stop", "expected"),
        [
            (0, 0, []),
            (1, 1, []),
            (2, 1, []),
            (0, 1, [b"entry 0"]),
            (0, 3, [b"entry 0", b"entry 1", b"entry 2"]),
            (1, 9, [b"entry 1", b"entry 2"]),
            (3, 9, []),
            (9, 12, []),
            (-5, 1, [b"entry 0"]),
            (-5, -1, []),
            (2, -1, []),
        ],
    )
    def test_a_range_is_half_open_and_short_where_the_log_is(
        self, store: Store, start: int, stop: int, expected: list[bytes]
    ) -> None:
        filled(store, 3)

        assert store.headers(start, stop) == expected

    def test_bodies_come_for_those_that_exist_in_order(self, store: Store) -> None:
        filled(store, 3)

        found = store.bodies([2, 7, 0, -1, 2])

        assert list(found.items()) == [(0, BodyRow(b"s0", b"b0")), (2, BodyRow(b"s2", b"b2"))]

    def test_bodies_of_a_range_are_those_of_its_seqs(self, store: Store) -> None:
        filled(store, 5)

        assert list(store.bodies(range(1, 4))) == [1, 2, 3]
        assert list(store.bodies(range(0, 5, 2))) == [0, 2, 4]
        assert list(store.bodies(range(3, -1, -1))) == [0, 1, 2, 3]
        assert list(store.bodies(range(4, 900))) == [4]
        assert store.bodies(range(0)) == {}

    def test_more_seqs_than_a_statement_takes_variables(self, store: Store) -> None:
        filled(store, 1_200)

        assert list(store.bodies([*range(1_199, -1, -1), *range(50)])) == list(range(1_200))

    def test_bytes_come_back_as_they_went_in(self, store: Store) -> None:
        every = bytes(range(256))
        write(store, Batch(entries=[(0, every)], bodies=[(0, every[:32], b""), (1, b"", every)]))

        assert store.headers(0, 1) == [every]
        assert store.bodies([0, 1]) == {0: BodyRow(every[:32], b""), 1: BodyRow(b"", every)}

    @pytest.mark.parametrize("seq", [0, 1, 4, -1])
    def test_an_entry_that_is_not_the_next_is_a_conflict_and_nothing_is_written(self, store: Store, seq: int) -> None:
        filled(store, 2)

        with pytest.raises(ConflictError):
            write(store, Batch(entries=[(2, b"new"), (seq, b"x")], bodies=[(2, b"s", b"b")]))

        assert store.headers(0, 9) == [b"entry 0", b"entry 1"]
        assert list(store.bodies(range(9))) == [0, 1]

    @pytest.mark.parametrize(
        "batch",
        [
            Batch(bodies=[(1, b"s", b"b")]),
            Batch(identities=[("id-1", "source", 5, None)]),
            Batch(tiles=[TileRow(0, 0, b"r", b"h")]),
            Batch(parts=[PartRow(0, "/p", b"other", b"sealed")]),
            Batch(parts=[PartRow(1, "/q", b"commitment", b"sealed")]),
            Batch(retries=[(b"retry", 1)]),
        ],
        ids=["body", "identity", "tile", "part", "commitment", "retry"],
    )
    def test_a_row_that_exists_is_a_conflict_and_nothing_is_written(self, store: Store, batch: Batch) -> None:
        filled(store, 2)
        write(
            store,
            Batch(
                tiles=[TileRow(0, 0, b"root", b"hashes")],
                parts=[PartRow(0, "/p", b"commitment", b"sealed")],
                retries=[(b"retry", 0)],
            ),
        )
        batch.entries = entries(2, 1)

        with pytest.raises(ConflictError):
            write(store, batch)

        assert store.size() == 2

    def test_the_same_id_of_another_source_is_another_identity(self, store: Store) -> None:
        filled(store, 1)
        write(store, Batch(identities=[("id-0", "other", 7, None)]))

        assert store.identities.find("id-0", "source") == (0, b"c0")
        assert store.identities.find("id-0", "other") == (7, None)
        assert store.identities.find("id-0", "") is None
        assert store.identities.find("ID-0", "source") is None

    def test_a_retry_is_found_by_its_whole_hash(self, store: Store) -> None:
        write(store, Batch(retries=[(b"\x00\xff", 3)]))

        assert store.identities.find_retry(b"\x00\xff") == 3
        assert store.identities.find_retry(b"\x00") is None
        assert store.identities.find_retry(b"") is None


class TestTransactions:
    def test_what_is_left_by_an_exception_leaves_nothing(self, store: Store) -> None:
        filled(store, 1)
        write(store, Batch(counters={"a": 1}))

        def write_all_and_stop() -> None:
            with store.writing():
                store.write(everything)
                store.census.mark_counted()
                store.census.put([(0, 0, b"tile")])
                store.checkpoints.add(1, b"note")
                raise StopError

        everything = Batch(
            entries=entries(1, 2),
            bodies=[(1, b"s", b"b")],
            parts=[PartRow(1, "/p", b"c", b"x")],
            counters={"a": 2, "b": 1},
            identities=[("new", "source", 1, None)],
            retries=[(b"retry", 1)],
            tiles=[TileRow(0, 0, b"r", b"h")],
        )
        with pytest.raises(StopError):
            write_all_and_stop()

        assert store.size() == 1
        assert store.bodies([1]) == {}
        assert store.parts.among([1]) == []
        assert list(store.streams.walk()) == [StreamRow("a", 1, 0)]
        assert store.identities.find("new", "source") is None
        assert store.identities.find_retry(b"retry") is None
        assert store.tiles.full(0, 0) is None
        assert store.census.tile(0, 0) is None
        assert store.checkpoints.all() == []

    def test_a_writer_sees_what_it_wrote_and_nobody_else_does(self, store: Store) -> None:
        reader = store.reader()
        try:
            with store.writing():
                store.write(Batch(entries=entries(0, 2)))
                assert (store.size(), reader.size()) == (2, 0)
            assert (store.size(), reader.size()) == (2, 2)
        finally:
            reader.close()

    def test_a_snapshot_stands_still_while_others_write(self, store: Store) -> None:
        filled(store, 1)
        reader = store.reader()
        try:
            with reader.reading():
                assert reader.size() == 1
                write(store, Batch(entries=entries(1, 1)))
                with reader.reading():  # nested: the same snapshot
                    assert reader.size() == 1
                assert reader.headers(0, 9) == [b"entry 0"]
            assert reader.size() == 2
        finally:
            reader.close()

    def test_reading_may_stand_inside_writing_and_sees_what_was_written(self, store: Store) -> None:
        with store.writing():
            store.write(Batch(entries=entries(0, 1)))
            with store.reading():
                assert store.size() == 1
            store.write(Batch(entries=entries(1, 1)))

        assert store.size() == 2

    def test_writing_must_not_nest(self, store: Store) -> None:
        with pytest.raises(RuntimeError, match="must not nest"), store.writing(), store.writing():
            pass

        write(store, Batch(entries=entries(0, 1)))
        assert store.size() == 1

    def test_writing_must_not_stand_inside_reading(self, store: Store) -> None:
        with pytest.raises(RuntimeError, match="inside reading"), store.reading(), store.writing():
            pass

        assert store.size() == 0

    def test_a_reader_may_not_write(self, store: Store) -> None:
        reader = store.reader()
        try:
            assert reader.read_only is True
            with pytest.raises(RefusedError, match="the ledger is open for reading only"), reader.writing():
                pass
        finally:
            reader.close()

    def test_a_reader_does_not_close_the_store(self, store: Store) -> None:
        store.reader().close()

        filled(store, 1)
        assert store.size() == 1

    def test_threads_of_one_handle_take_turns(self, store: Store) -> None:
        def append() -> None:
            for _ in range(20):
                with store.writing():
                    size = store.size()
                    store.write(Batch(entries=entries(size, 3)))

        threads = [threading.Thread(target=append) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert store.headers(0, 999) == [header for _, header in entries(0, 240)]

    def test_projections_are_rolled_back_with_the_rest(self, store: Store) -> None:
        with store.projecting() as db:
            db.execute("CREATE TABLE view_row (n INTEGER) STRICT")

        def insert_and_stop() -> None:
            with store.projecting() as db:
                db.execute("INSERT INTO view_row VALUES (1)")
                raise StopError

        with pytest.raises(StopError):
            insert_and_stop()

        with store.viewing() as db:
            assert db.execute("SELECT count(*) FROM view_row").fetchone() == (0,)


class TestViews:
    def test_views_are_read_inside_reading_and_not_inside_writing(self, store: Store) -> None:
        with store.projecting() as db:
            db.execute("CREATE TABLE view_row (n INTEGER) STRICT")
        with store.reading(), store.viewing(), store.viewing() as db:
            assert db.execute("SELECT count(*) FROM view_row").fetchone() == (0,)

        for held in (store.viewing, store.projecting):
            with pytest.raises(RuntimeError, match="inside"), store.writing(), held():
                pass
        with pytest.raises(RuntimeError, match="must not nest"), store.projecting(), store.projecting():
            pass

        assert store.size() == 0

    def test_a_reader_reads_the_stored_views_and_does_not_write_them(self, store: Store) -> None:
        with store.projecting() as db:
            db.execute("CREATE TABLE view_row (n INTEGER) STRICT")
        reader = store.reader()
        try:
            with reader.reading(), reader.viewing() as db:
                assert db.execute("SELECT count(*) FROM view_row").fetchone() == (0,)
            with pytest.raises(RefusedError, match="the ledger is open for reading only"), reader.projecting():
                pass
        finally:
            reader.close()

    @pytest.mark.parametrize("through", ["handle", "reader"])
    def test_no_thread_sees_in_a_view_what_another_has_not_committed(self, store: Store, through: str) -> None:
        with store.projecting() as db:
            db.execute("CREATE TABLE view_row (n INTEGER) STRICT")
        viewer = store if through == "handle" else store.reader()
        seen: list[int] = []
        was_seen = threading.Event()

        def look() -> None:
            with viewer.viewing() as db:
                seen.append(db.execute("SELECT count(*) FROM view_row").fetchone()[0])
            was_seen.set()

        other = threading.Thread(target=look)

        def insert_and_stop() -> None:
            with store.projecting() as db:
                db.execute("INSERT INTO view_row VALUES (1)")
                other.start()
                was_seen.wait(0.2)  # it may wait for us, or see what was before
                raise StopError

        with pytest.raises(StopError):
            insert_and_stop()
        other.join()

        assert seen == [0]
        if viewer is not store:
            viewer.close()

    def test_one_thread_reads_the_log_then_a_view_and_another_a_view_then_the_log(self, store: Store) -> None:
        filled(store, 3)
        is_reading, is_projecting = threading.Event(), threading.Event()
        found: list[tuple[str, int]] = []

        def log_first() -> None:
            with store.reading():
                is_reading.set()
                is_projecting.wait(0.2)  # it may have to wait for us
                with store.viewing():
                    found.append(("log first", store.size()))

        def view_first() -> None:
            is_reading.wait()
            with store.projecting():
                is_projecting.set()
                found.append(("view first", store.size()))

        threads = [threading.Thread(target=run, daemon=True) for run in (log_first, view_first)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)

        assert sorted(found) == [("log first", 3), ("view first", 3)]


class TestStreams:
    def test_counts_come_for_those_that_have_entries(self, store: Store) -> None:
        write(store, Batch(counters={"b": 2, "a": 1}))

        assert store.streams.counts(["a", "x", "b", "a"]) == {"a": 1, "b": 2}
        assert store.streams.counts([]) == {}
        assert store.streams.total() == 2

    def test_a_walk_is_sorted_by_the_bytes_of_the_name(self, store: Store) -> None:
        write(store, Batch(counters={"é": 1, "z": 1, "Z": 1, "\U0001f600": 1, "￼": 1, "": 1}))

        assert [row.name for row in store.streams.walk()] == ["", "Z", "z", "é", "￼", "\U0001f600"]

    @pytest.mark.parametrize(
        ("prefix", "expected"),
        [
            ("", ["dataset:a", "dataset:a%", "dataset:b", "run:1"]),
            ("dataset:", ["dataset:a", "dataset:a%", "dataset:b"]),
            ("dataset:a%", ["dataset:a%"]),
            ("dataset", ["dataset:a", "dataset:a%", "dataset:b"]),
            ("nothing", []),
            ("z", []),
        ],
    )
    def test_a_prefix_is_taken_by_the_letter(self, store: Store, prefix: str, expected: list[str]) -> None:
        write(store, Batch(counters={"run:1": 1, "dataset:b": 1, "dataset:a%": 1, "dataset:a": 1}))

        assert [row.name for row in store.streams.walk(prefix=prefix)] == expected

    def test_a_walk_is_whole_however_long(self, store: Store) -> None:
        names = [f"stream-{n:05}" for n in range(2_500)]
        write(store, Batch(counters=dict.fromkeys(names, 1)))

        assert [row.name for row in store.streams.walk()] == names
        assert store.streams.counts(names) == dict.fromkeys(names, 1)

    def test_a_counter_takes_the_new_count_and_keeps_what_was_counted(self, store: Store) -> None:
        write(store, Batch(counters={"a": 1}))
        with store.writing():
            store.census.mark_counted()
        write(store, Batch(counters={"a": 5}))

        assert list(store.streams.walk()) == [StreamRow("a", 5, 1)]


class TestCensus:
    def test_what_changed_since_the_last_census_is_dirty(self, store: Store) -> None:
        write(store, Batch(counters={"a": 1, "b": 1}))
        with store.writing():
            store.census.mark_counted()
        assert store.census.dirty() == []

        write(store, Batch(counters={"b": 2, "c": 1}))

        assert sorted(store.census.dirty()) == [StreamRow("b", 2, 1), StreamRow("c", 1, 0)]

    def test_a_bucket_holds_what_was_counted_sorted(self, store: Store) -> None:
        names = sorted((f"stream-{n}" for n in range(300)), key=stream_hash)
        index = bucket_index(stream_hash(names[0]))
        assert store.census.bucket(index) == []
        write(store, Batch(counters=dict.fromkeys(names, 3)))
        assert store.census.bucket(index) == []

        with store.writing():
            store.census.mark_counted()
        write(store, Batch(counters=dict.fromkeys(names, 4)))

        expected = [(stream_hash(name), 3) for name in names if bucket_index(stream_hash(name)) == index]
        assert [tuple(row) for row in store.census.bucket(index)] == expected

    @pytest.mark.parametrize("name", ["stream-197680", "stream-107789"])
    def test_the_first_and_the_last_bucket_are_buckets_like_others(self, store: Store, name: str) -> None:
        index = bucket_index(stream_hash(name))
        assert index in (0, 65_535)
        write(store, Batch(counters={name: 1}))
        with store.writing():
            store.census.mark_counted()

        assert [tuple(row) for row in store.census.bucket(index)] == [(stream_hash(name), 1)]

    def test_a_tile_is_replaced(self, store: Store) -> None:
        assert store.census.tile(0, 7) is None
        for hashes in (b"old", b"new"):
            with store.writing():
                store.census.put([(0, 7, hashes), (1, 0, b"top")])

        assert store.census.tile(0, 7) == b"new"
        assert store.census.tile(1, 0) == b"top"
        assert store.census.tile(1, 7) is None
        assert [tuple(row) for row in store.audit.census_tiles()] == [(0, 7), (1, 0)]


class TestTiles:
    def test_a_tile_is_found_by_level_and_index(self, store: Store) -> None:
        write(store, Batch(tiles=[TileRow(0, 1, b"r01", b"h01"), TileRow(1, 0, b"r10", b"h10")]))

        assert store.tiles.full(0, 1) == b"h01"
        assert store.tiles.full(1, 0) == b"h10"
        assert store.tiles.full(0, 0) is None
        assert store.tiles.full(-1, 1) is None

    @pytest.mark.parametrize(
        ("start", "stop", "expected"),
        [
            (0, 3, [b"r0", b"r1", b"r2"]),
            (1, 2, [b"r1"]),
            (2, 9, [b"r2"]),
            (3, 9, []),
            (2, 2, []),
            (2, 1, []),
            (-3, 1, [b"r0"]),
        ],
    )
    def test_roots_are_in_order_and_short_where_there_are_fewer(
        self, store: Store, start: int, stop: int, expected: list[bytes]
    ) -> None:
        write(store, Batch(tiles=[TileRow(0, index, b"r%d" % index, b"h") for index in (2, 0, 1)]))

        assert store.tiles.roots(0, start, stop) == expected
        assert store.tiles.roots(1, start, stop) == []


class TestParts:
    PARTS = (PartRow(1, "/b", b"c1b", b"s1b"), PartRow(1, "", b"c1", b"s1"), PartRow(0, "/a", b"c0a", b"s0a"))

    def test_parts_are_sorted_by_seq_and_pointer(self, store: Store) -> None:
        write(store, Batch(parts=list(self.PARTS)))

        assert store.parts.among([1, 0, 1, 9]) == [self.PARTS[2], self.PARTS[1], self.PARTS[0]]
        assert store.parts.among(range(1, 2)) == [self.PARTS[1], self.PARTS[0]]
        assert store.parts.among([]) == []

    def test_a_part_is_found_by_its_commitment(self, store: Store) -> None:
        write(store, Batch(parts=list(self.PARTS)))

        found = store.parts.find([b"c1b", b"c0a", b"never"])

        assert sorted(tuple(row) for row in found) == [(b"c0a", 0), (b"c1b", 1)]
        assert store.parts.find([]) == []

    def test_forgetting_takes_parts_and_hashes_and_nothing_else(self, store: Store) -> None:
        filled(store, 3)
        write(store, Batch(parts=list(self.PARTS), retries=[(b"r1", 1), (b"r2", 2)]))

        with store.writing():
            store.forget(parts=[b"c1", b"c1b", b"never"], seqs=[1, 99])
        store.scrub()

        assert store.parts.among(range(9)) == [self.PARTS[2]]
        assert store.identities.find("id-1", "source") == (1, None)
        assert store.identities.find("id-2", "source") == (2, b"c2")
        assert store.identities.find_retry(b"r1") is None
        assert store.identities.find_retry(b"r2") == 2
        assert list(store.bodies(range(3))) == [0, 1, 2]
        assert store.size() == 3

    def test_what_was_forgotten_twice_is_forgotten(self, store: Store) -> None:
        write(store, Batch(parts=list(self.PARTS)))
        for _ in range(2):
            with store.writing():
                store.forget(parts=[b"c1"], seqs=[1])
            store.scrub()

        assert store.parts.find([b"c1"]) == []


class TestCheckpoints:
    def test_checkpoints_are_sorted_by_size(self, store: Store) -> None:
        with store.writing():
            for size in (10, 2, 300):
                store.checkpoints.add(size, b"note %d" % size)

        assert [tuple(row) for row in store.checkpoints.all()] == [
            (2, b"note 2"),
            (10, b"note 10"),
            (300, b"note 300"),
        ]

    def test_the_newest_checkpoints_below_a_size_come_first(self, store: Store) -> None:
        with store.writing():
            for size in (10, 2, 300, 7):
                store.checkpoints.add(size, b"note %d" % size)

        assert [tuple(row) for row in store.checkpoints.newest(300, 2)] == [(10, b"note 10"), (7, b"note 7")]
        assert [tuple(row) for row in store.checkpoints.newest(2**62, 1)] == [(300, b"note 300")]
        assert store.checkpoints.newest(2, 5) == []

    def test_the_same_checkpoint_again_changes_nothing(self, store: Store) -> None:
        for _ in range(2):
            with store.writing():
                store.checkpoints.add(2, b"note")

        assert [tuple(row) for row in store.checkpoints.all()] == [(2, b"note")]

    def test_another_checkpoint_of_a_size_is_a_conflict(self, store: Store) -> None:
        with store.writing():
            store.checkpoints.add(2, b"note")

        with pytest.raises(ConflictError, match="another checkpoint of size 2"), store.writing():
            store.checkpoints.add(2, b"other")

        assert [tuple(row) for row in store.checkpoints.all()] == [(2, b"note")]


class TestAudit:
    def test_a_sound_store_has_no_damage_and_no_strays(self, store: Store) -> None:
        filled(store, 3)

        assert list(store.audit.damage()) == []
        assert list(store.audit.strays(3)) == []

    def test_strays_are_rows_beyond_the_log(self, store: Store) -> None:
        filled(store, 3)
        write(store, Batch(bodies=[(7, b"s", b"b"), (-1, b"s", b"b")], parts=[PartRow(8, "/p", b"c", b"x")]))

        assert [tuple(row) for row in store.audit.strays(3)] == [("body", -1), ("body", 7), ("part", 8)]
        assert [tuple(row) for row in store.audit.strays(2)][:2] == [("body", -1), ("body", 2)]

    def test_every_row_is_walked(self, store: Store) -> None:
        filled(store, 2)
        write(
            store,
            Batch(retries=[(b"r", 1)], tiles=[TileRow(1, 0, b"r", b"h"), TileRow(0, 1, b"r", b"h")]),
        )

        with store.reading():
            found = sorted((id, source, seq) for id, source, seq, _ in store.identities.walk())
            retries = [(bytes(content), seq) for content, seq in store.identities.walk_retries()]
        assert found == [("id-0", "source", 0), ("id-1", "source", 1)]
        assert retries == [(b"r", 1)]
        assert [tuple(row) for row in store.audit.tiles()] == [(0, 1), (1, 0)]
        assert list(store.audit.census_tiles()) == []
