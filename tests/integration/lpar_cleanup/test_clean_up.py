"""LPAR clean-up with the real pypowervm, over HTTP, against a server that speaks the PowerVM REST API."""

import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fakes.powervm_guests import Guests, clean_up, clean_up_within, module, orders, unit_name
from tests.fakes.powervm_system import OFF, UOM, put, text

BUSY = "VIOS 1*9999-99Z*2125D4A is busy processing some other request"
PASSWORD = "hunter2"
STRAY = "boot_pvm5_tempest.com_2d9a59b7"
CHANGES = r"^(PUT .*/do/|POST|DELETE) ?(?!.*/web/Logon)"


def name(guests, lpar):
    return text(guests.system.element("LogicalPartition", lpar), "PartitionName")


def test_all_that_an_lpar_had_is_gone_and_all_else_is_as_it_was(guests, rest):
    guests.add(51)
    guests.add(5, rich=False, name="pvm5-temp")
    before = guests.system.state()
    lpars = [guests.add(5), guests.add(5, state="not activated"), guests.add(5, rich=False)]
    names = sorted(name(guests, lpar) for lpar in lpars)
    told = clean_up(rest)
    assert guests.system.state() == before
    assert told.names("removed", "LPAR") == names
    assert told.of("left") == []
    assert {one["kind"] for one in told.of("removed")} == {
        "LPAR", "vSCSI mapping", "NPIV mapping", "optical medium", "logical volume", "logical unit", "vNIC",
        "SR-IOV logical port", "trunk adapter",
    }  # fmt: skip
    assert rest.sessions == set()


def test_a_second_clean_up_has_nothing_to_do_and_changes_nothing(guests, rest):
    guests.add(5)
    clean_up(rest)
    rest.requests.clear()
    told = clean_up(rest)
    assert (told.of("removed"), told.of("left")) == ([], [])
    assert rest.counted(CHANGES) == 0


def test_hundreds_of_lpars_of_many_nodes_and_only_those_of_one_go(tmp_path):
    guests = Guests()
    for node in (1, 50, 55, 505, 15, 52, *range(60, 74)):
        for _ in range(24):
            guests.add(node, rich=False)
    before = guests.system.state()
    for _ in range(20):
        guests.add(5)
    with guests.served(tmp_path) as rest:
        told = clean_up(rest, parallel=8)
    assert guests.system.state() == before
    assert len(told.names("removed", "LPAR")) == 20
    assert sum(int(one["lpar"]) for one in told.of("kept")) == 20 * 24


HOSTILE = st.sampled_from([
    "pvm5-tempes", "Pvm5-tempest-x", "pvm5_tempest-x", "xpvm5-tempest-x", "pvm05-tempest-x", "pvm5 -tempest-x",
    "pvm-5-tempest", "pvm5-tempest-x\u00e9", "pvm\u0665-tempest-x", "pvm55-tempest-x", "pvm51-tempest-5",
    "pvm5.1-tempest", "pvm5*-tempest-x", "../pvm5-tempest-x",
])  # fmt: skip
OWNER, IS_RICH, STATE = st.sampled_from([1, 50, 51, 15, 55, 500]), st.booleans(), st.sampled_from(["running", OFF])
OTHERS = st.lists(st.tuples(OWNER, IS_RICH, STATE), max_size=6)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(others=OTHERS, hostile=st.sets(HOSTILE, max_size=4), ours=st.lists(IS_RICH, max_size=4))
def test_whatever_is_on_the_system_only_the_nodes_own_goes(tmp_path, others, hostile, ours):
    guests = Guests()
    for node, rich, state in others:
        guests.add(node, rich=rich, state=state)
    for foreign in sorted(hostile):
        guests.add(5, name=foreign, rich=True)
    before = guests.system.state()
    for rich in ours:
        guests.add(5, rich=rich)
    with guests.served(tmp_path) as rest:
        told = clean_up(rest)
    assert guests.system.state() == before
    assert len(told.of("removed", "LPAR")) == len(ours)


def test_a_dry_run_tells_the_same_and_changes_nothing(guests, rest):
    guests.add(5)
    guests.add(5, rich=False)
    before = guests.system.state()
    dry = clean_up(rest, dry=True)
    assert guests.system.state() == before
    assert rest.counted(CHANGES) == 0
    assert dry.of("left") == []
    wet = clean_up(rest)
    assert sorted(map(str, dry.of("removed"))) == sorted(map(str, wet.of("removed")))


@pytest.mark.parametrize(
    "request_",
    [
        "POST .*/VirtualIOServer/[^/]+$",
        "POST .*/VolumeGroup/",
        "DELETE .*/LogicalUnit/",
        "DELETE .*/LogicalPartition/[^/]+$",
        "DELETE .*/VirtualNICDedicated/",
        "DELETE .*/ClientNetworkAdapter/",
    ],
)
def test_what_somebody_else_changes_meanwhile_is_read_again(guests, rest, request_):
    before = guests.system.state()
    guests.add(5)
    rest.steal(request_, times=2)
    told = clean_up(rest)
    assert not rest.faults
    assert told.of("left") == []
    assert guests.system.state() == before


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "PUT .*/Logon"])
@pytest.mark.parametrize(("status", "message"), [(503, "Service Unavailable"), (500, BUSY)])
def test_a_server_that_is_busy_is_asked_again(guests, rest, method, status, message):
    before = guests.system.state()
    guests.add(5)
    rest.fail(method, status, message, times=2)
    told = clean_up(rest)
    assert not rest.faults
    assert told.of("left") == []
    assert guests.system.state() == before


def test_a_connection_that_breaks_is_made_again(guests, rest):
    before = guests.system.state()
    guests.add(5)
    for method in ("GET .*/LogicalPartition", "POST .*/VirtualIOServer", "DELETE .*/LogicalPartition/[^/]+$"):
        rest.drop(method)
    told = clean_up(rest)
    assert not rest.faults
    assert told.of("left") == []
    assert guests.system.state() == before


def test_a_session_that_expires_is_renewed(guests, rest):
    guests.add(5)
    rest.expire("POST .*/VirtualIOServer")
    told = clean_up(rest)
    assert told.of("left") == []
    assert rest.logons == 2


@pytest.mark.parametrize("behaviour", ["stubborn", "hung"])
def test_an_lpar_that_does_not_power_off_normally_is_powered_off_hard(guests, rest, behaviour):
    before = guests.system.state()
    lpar = guests.add(5)
    guests.system.behaviour[lpar] = behaviour
    told = clean_up_within(60, rest)
    assert (told.of("left"), told.why) == ([], "")
    assert rest.counted("PUT .*/do/PowerOff") == 2
    assert guests.system.state() == before


def test_an_lpar_that_does_not_power_off_at_all_keeps_what_it_has_and_the_others_go(guests, rest):
    lpar = guests.add(5)
    before = guests.system.state()
    guests.system.behaviour[lpar] = "stuck"
    guests.add(5)
    told = clean_up(rest)
    assert guests.system.state() == before
    assert told.names("left", "LPAR") == [name(guests, lpar)]
    assert "HSCL0DB4" in told.whys[0]


def test_where_one_vios_refuses_the_lpar_stays_to_tell_of_it_and_the_next_clean_up_ends_it(guests, rest):
    before = guests.system.state()
    lpar = guests.add(5)
    refused = rf"POST .*/VirtualIOServer/{guests.system.vioses[1]}$"
    rest.fail(refused, 400, "no", times=99)
    told = clean_up(rest)
    assert told.names("removed", "LPAR") == []
    assert told.names("removed", "logical unit") == []
    assert {one["lpar"] for one in told.of("left")} == {name(guests, lpar)}
    rest.faults.clear()
    assert clean_up(rest).of("left") == []
    assert guests.system.state() == before


def test_one_lpars_mapping_that_cannot_go_does_not_hold_up_the_others(guests, rest):
    held, free = guests.add(5), guests.add(5)
    path = f"VirtualIOServer/{guests.system.vioses[1]}"

    def refuse(handler):
        return (400, "no") if handler.body.count(held.encode()) < 4 else None

    rest.act(f"POST .*/{path}$", refuse, times=99)
    told = clean_up(rest)
    assert told.names("removed", "LPAR") == [name_of(told, free)]
    assert f"LogicalPartition/{held}" in guests.system.things
    assert f"LogicalPartition/{free}" not in guests.system.things


def name_of(told, lpar):
    """LPARs are named after their instances."""
    return next(one["name"] for one in told.of("planned") if one["name"].endswith(lpar[1:8].lower()))


@pytest.mark.parametrize("request_", ["POST .*/VolumeGroup/", "DELETE .*/LogicalUnit/"])
def test_disks_that_lost_their_mapping_are_found_by_their_names(guests, rest, request_):
    before = guests.system.state()
    guests.add(5)
    rest.fail(request_, 400, "no", times=99)
    told = clean_up(rest)
    assert told.names("removed", "LPAR") == []
    rest.faults.clear()
    assert clean_up(rest).of("left") == []
    assert guests.system.state() == before


def test_a_vios_that_is_down_is_told(guests, rest):
    guests.add(5, rich=False)
    guests.system.change(f"VirtualIOServer/{guests.system.vioses[1]}", PartitionState="not activated")
    told = clean_up(rest)
    assert told.names("left", "VIOS") == ["vios2"]


@pytest.mark.parametrize("dry", [True, False])
def test_what_another_lpar_or_another_system_uses_stays(guests, rest, dry):
    lpar, other = guests.add(5), guests.add(51)
    system = guests.system
    shared_disk, shared_medium = system.disk(0, "shared"), system.medium(0, "rhel.iso")
    image = system.unit(unit_name(name(guests, lpar)).replace("boot", "rescue"), LogicalUnitType="VirtualIO_Image")
    elsewhere = system.unit(unit_name(name(guests, lpar)).replace("boot", "swap"))
    both = system.unit(unit_name(name(guests, lpar)).replace("boot", "ephemeral"))
    system.used_elsewhere.add(text(elsewhere, "UnitName"))
    shared_unit, volume = system.unit("volume-1"), system.unit("volume-2")
    foreign = system.disk(1, "b_pvm51_tem_1a2b")
    for storage in (shared_disk, shared_medium, shared_unit, both):
        system.map_scsi(0, other, storage)
    for storage in (shared_disk, shared_medium, shared_unit, volume, image, elsewhere, both):
        system.map_scsi(0, lpar, storage)
    system.map_scsi(1, lpar, foreign)
    told = clean_up(rest, dry=dry)
    units = {text(element, "UnitName") for _, element in system.children(f"Tier/{system.tier}/LogicalUnit")}
    kept = {text(image, "UnitName"), text(elsewhere, "UnitName"), text(both, "UnitName"), "volume-1", "volume-2"}
    assert kept <= units
    assert {"shared", "b_pvm51_tem_1a2b"} <= texts(system, "DiskName")
    assert "rhel.iso" in texts(system, "MediaName")
    assert {one["name"].split(" on ")[0] for one in told.of("left")} == {
        "shared", "rhel.iso", "b_pvm51_tem_1a2b", *(kept - {text(elsewhere, "UnitName")} if dry else kept)
    }  # fmt: skip
    assert told.names("removed", "LPAR") == [name_of(told, lpar)]


def texts(system, tag):
    return {one.text for thing in system.things.values() for one in thing.element.iter(UOM + tag)}


def test_physical_volumes_are_unmapped_and_told(guests, rest):
    lpar = guests.add(5, rich=False)
    volume = next(guests.system.element("Tier", guests.system.tier).iter(UOM + "PhysicalVolume"))
    guests.system.map_scsi(0, lpar, volume)
    told = clean_up(rest)
    assert told.names("left", "physical volume") == ["hdisk3 on vios1"]
    assert told.names("removed", "LPAR") == [name_of(told, lpar)]
    assert guests.system.mappings(0) == []


def test_mappings_that_only_share_an_id_are_not_taken(guests, rest):
    """An adapter without a client may be of an earlier LPAR; one whose client contradicts itself is nobody's."""
    lpar, other = guests.add(5, rich=False), guests.add(51, rich=False)
    system = guests.system
    orphan = system.map_scsi(0, lpar, system.disk(0, "b_pvm51_tem_1a2b"))
    orphan.remove(orphan.find(UOM + "AssociatedLogicalPartition"))
    orphan.remove(orphan.find(UOM + "ClientAdapter"))
    odd = system.map_scsi(0, lpar, system.disk(0, "odd"))
    put(
        odd.find(UOM + "ClientAdapter"), LocalPartitionID=text(system.element("LogicalPartition", other), "PartitionID")
    )
    rest.steal("POST .*/VirtualIOServer/[^/]+$")
    told = clean_up(rest)
    assert {"odd", "b_pvm51_tem_1a2b"} <= texts(system, "DiskName")
    assert len(told.of("left", "vSCSI mapping")) == 2


def test_an_lpar_that_is_another_one_by_now_is_left(guests, rest):
    lpar = guests.add(5)

    def rename(handler):
        guests.system.change(f"LogicalPartition/{lpar}", PartitionName="payroll2")

    rest.act(rf"GET .*/LogicalPartition/{lpar}$", rename)
    told = clean_up(rest)
    assert rest.counted(CHANGES) == 0
    assert told.whys[0] == "it is now 'payroll2' with the id 101"


def test_an_lpar_that_becomes_another_one_at_the_last_moment_is_left(guests, rest):
    path = f"LogicalPartition/{guests.add(5)}"
    rest.act(f"DELETE .*/{path}$", lambda _: guests.system.change(path, PartitionName="payroll2"))
    told = clean_up(rest)
    assert path in guests.system.things
    assert told.whys[0] == "it is now 'payroll2' with the id 101"


def test_an_lpar_that_migrates_is_left(guests, rest):
    guests.system.change(f"LogicalPartition/{guests.add(5)}", MigrationState="Migrating_In_Progress")
    assert "it migrates" in clean_up(rest).whys[0]
    assert rest.counted(CHANGES) == 0


def test_neither_vios_nor_management_partition_nor_the_node_itself_ever_goes(guests, rest):
    system = guests.system
    guests.system.change(f"LogicalPartition/{guests.management}", PartitionName="pvm5-tempest-management")
    guests.system.change(f"VirtualIOServer/{system.vioses[0]}", PartitionName="pvm5-tempest-vios")
    guests.system.change(f"LogicalPartition/{guests.nodes[51]}", PartitionName="pvm51-tempest-node")
    before = system.state()
    for node in (5, 51):
        assert clean_up(rest, node).of("planned") == []
    assert system.state() == before
    assert rest.counted(CHANGES) == 0


FOREIGN = "this node is on the system with the serial number 'IBM,0210F1A2C'; the REST server manages: 10F1A2B"


@pytest.mark.parametrize(
    ("node", "serial", "why"),
    [
        (6, "IBM,0210F1A2B", "the system has 0 partitions with the id 6 of this node, not one"),
        (5, "IBM,0210F1A2C", FOREIGN),
    ],
)  # fmt: skip
def test_a_server_that_does_not_know_this_node_is_asked_for_nothing_more(guests, rest, node, serial, why):
    guests.add(6)
    guests.add(5)
    told = clean_up(rest, node, serial=serial, orphans="remove")
    assert told.whys == [why]
    assert rest.counted(CHANGES) == 0


def test_a_node_that_does_not_tell_its_system_is_looked_for_where_there_is_one_system(guests, rest):
    guests.add(5)
    assert len(clean_up(rest, serial="").of("removed", "LPAR")) == 1


def test_lpars_that_come_while_others_are_deleted_go_too(guests, rest):
    before = guests.system.state()
    guests.add(5)

    def create(handler):
        guests.add(5, rich=False)

    rest.act("DELETE .*/LogicalPartition/[^/]+$", create)
    told = clean_up(rest)
    assert len(told.names("removed", "LPAR")) == 2
    assert guests.system.state() == before


def test_an_lpar_that_the_system_still_tells_of_after_it_was_deleted_is_not_done_with(guests, rest):
    lpar = guests.add(5)
    thing = guests.system.things[f"LogicalPartition/{lpar}"]

    def revive(handler):
        guests.system.things.setdefault(f"LogicalPartition/{lpar}", thing)

    rest.act("GET .*/ManagedSystem/[^/]+/LogicalPartition$", lambda _: None)
    rest.act("GET .*/ManagedSystem/[^/]+/LogicalPartition$", revive, times=99)
    told = clean_up(rest)
    assert told.whys == ["it was deleted, and the system still tells of it"]


@pytest.mark.parametrize("has_password", [True, False])
def test_an_open_console_is_closed_where_that_is_possible_from_here(guests, tmp_path, has_password):
    lpar = guests.add(5)
    guests.system.consoles.add(lpar)
    with guests.served(tmp_path, password=PASSWORD if has_password else None) as rest:
        told = clean_up(rest, connection=account(tmp_path) if has_password else {})
    assert (told.of("left") == []) == has_password
    assert has_password or "HSCL1560" in told.whys[0]


def account(tmp_path, password=PASSWORD):
    (tmp_path / "password").write_text(f"{password}\n")
    return {"username": "ci", "password_file": str(tmp_path / "password")}


def test_a_wrong_password_is_told_and_never_shown(guests, tmp_path):
    guests.add(5)
    with guests.served(tmp_path, password=PASSWORD) as rest:
        told = clean_up(rest, connection=account(tmp_path, "hunter3"))
    assert "401" in told.whys[0]
    assert "hunter" not in str(told.records)


def test_a_password_travels_over_tls_to_a_server_with_a_known_certificate(guests, tmp_path, monkeypatch):
    before = guests.system.state()
    guests.add(5)
    certificate, context = self_signed(tmp_path)
    with guests.served(tmp_path, password=PASSWORD, tls=context) as rest:
        connection = account(tmp_path) | {"protocol": "https"}
        assert "self-signed certificate" in clean_up(rest, connection=connection).whys[0]
        assert rest.logons == 0
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
        assert clean_up(rest, connection=connection).of("left") == []
    assert guests.system.state() == before


def self_signed(folder):
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    begin = datetime.now(UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, begin, begin + timedelta(days=1))
    names = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    certificate = made.add_extension(names, critical=False).sign(key, hashes.SHA256())
    path = folder / "server.pem"
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(certificate.public_bytes(Encoding.PEM) + secret)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return path, context


def test_a_token_file_that_cannot_be_read_is_told(guests, tmp_path):
    with guests.served(tmp_path, has_token_file=False) as rest:
        told = clean_up(rest)
    assert str(tmp_path / "token-1") in told.whys[0]


def test_a_server_that_is_not_there_is_told_in_one_line(guests, tmp_path):
    with guests.served(tmp_path) as rest:
        order = orders(rest, timeout_seconds=0.2)
    told = []
    module("lpar_cleanup.cleanup").clean_up(order, told.append)
    assert len(told) == 1
    assert "refused" in told[0]["why"]


def test_a_server_that_never_answers_does_not_hold_a_clean_up_longer_than_its_time(guests, rest):
    (stuck,) = [guests.add(5)]
    rest.hold("POST .*/VirtualIOServer")
    told = clean_up_within(1, rest)
    outcome = module("lpar_cleanup.outcome").outcome(told.records, told.why)
    assert outcome["complete"] is False
    assert [(one["kind"], one["why"]) for one in outcome["left"]] == [("LPAR", "its time is over")]
    assert f"LogicalPartition/{stuck}" in guests.system.things


def test_a_clean_up_that_breaks_tells_why(guests):
    def work(tell):
        tell({"what": "planned", "kind": "LPAR", "name": "a", "lpar": "a", "why": ""})
        raise KeyError("oops")

    records, why = module("lpar_cleanup.bounded").run_bounded(work, 60)
    assert why == "KeyError: 'oops'"
    assert module("lpar_cleanup.outcome").outcome(records, why)["left"][0]["why"] == why


class TestSweep:
    """LPARs whose node has none any more."""

    @pytest.fixture
    def orphans(self, guests):
        return [guests.add(77), guests.add(77, rich=False), guests.add(78)]

    def test_they_are_nobodys_business_at_the_end_of_a_run(self, guests, rest, orphans):
        told = clean_up(rest)
        assert rest.counted(CHANGES) == 0
        assert told.of("left") == []
        assert {one["name"]: one["lpar"] for one in told.of("kept")} == {"77": "2", "78": "1"}

    def test_they_are_told(self, guests, rest, orphans):
        before = guests.system.state()
        told = clean_up(rest, orphans="report")
        assert guests.system.state() == before
        assert len(told.names("left", "orphan")) == 3
        assert told.whys[0] == "node 77 has no LPAR any more"

    def test_they_are_removed_and_those_of_nodes_that_are_there_stay(self, guests, rest):
        guests.add(51)
        guests.system.change(f"LogicalPartition/{guests.nodes[51]}", PartitionState="not activated")
        before = guests.system.state()
        for node in (77, 77, 78, 5):
            guests.add(node)
        told = clean_up(rest, orphans="remove")
        assert guests.system.state() == before
        assert len(told.names("removed", "LPAR")) == 4
        assert "its run may be alive" in told.of("kept")[0]["why"]

    @pytest.mark.parametrize("missed", [1, 2])
    def test_a_node_that_only_one_answer_missed_keeps_its_lpars(self, guests, rest, orphans, missed):
        absent = guests.add(51)
        path = f"LogicalPartition/{guests.nodes[51]}"
        node, looks = guests.system.things[path], iter(range(1, 9))

        def look(handler):
            if next(looks) == missed:
                guests.system.things.pop(path)
            else:
                guests.system.things[path] = node

        rest.act("GET .*/ManagedSystem/[^/]+/LogicalPartition$", look, times=8)
        told = clean_up(rest, orphans="remove")
        assert f"LogicalPartition/{absent}" in guests.system.things
        assert len(told.names("removed", "LPAR")) == 3

    def test_an_id_that_a_guest_of_another_node_has_now_counts_as_a_node(self, guests, rest, orphans):
        guests.system.change(f"LogicalPartition/{guests.add(51)}", PartitionID=78)
        told = clean_up(rest, orphans="remove")
        assert f"LogicalPartition/{orphans[2]}" in guests.system.things
        assert len(told.names("removed", "LPAR")) == 2

    @pytest.mark.parametrize("state", ["running", "not activated"])
    def test_a_node_that_a_person_says_is_dead_counts_as_gone_only_when_it_is_off(self, guests, rest, state):
        lpar = guests.add(51)
        guests.system.change(f"LogicalPartition/{guests.nodes[51]}", PartitionState=state)
        clean_up(rest, orphans="remove", dead_nodes=(51,))
        assert (f"LogicalPartition/{lpar}" in guests.system.things) == (state == "running")
        assert f"LogicalPartition/{guests.nodes[51]}" in guests.system.things


class TestStrays:
    """Logical units whose LPAR is gone."""

    @pytest.fixture
    def strays(self, guests):
        guests.add(51)
        return [guests.system.unit(name) for name in (STRAY, "boot_pvm51_tempest_x", "boot_pvm5x")]

    def test_those_of_the_node_go_from_a_pool_that_is_this_systems_alone(self, guests, rest, strays):
        told = clean_up(rest)
        assert told.names("removed", "logical unit") == [STRAY]
        assert {"boot_pvm51_tempest_x", "boot_pvm5x"} <= texts(guests.system, "UnitName")

    def test_in_a_pool_that_systems_share_they_are_only_told(self, guests, rest, strays):
        guests.system.cluster(guests.system.serial, "2125D0A")
        before = guests.system.state()
        told = clean_up(rest)
        assert guests.system.state() == before
        assert told.whys == ["it may be of another system that shares the pool"]

    def test_one_that_is_in_use_stays(self, guests, rest, strays):
        guests.system.used_elsewhere.add(STRAY)
        assert clean_up(rest).whys == ["the pool says that it is in use"]

    def test_one_that_cannot_go_does_not_hold_up_the_others(self, guests, rest, strays):
        guests.system.unit(f"{STRAY}2")
        units = dict(guests.system.children(f"Tier/{guests.system.tier}/LogicalUnit"))
        (path,) = (path for path, unit in units.items() if text(unit, "UnitName") == STRAY)
        rest.act("GET .*/LogicalUnit/[^/]+$", lambda _: guests.system.change(path, UnitName="payroll"))
        told = clean_up(rest)
        assert told.names("removed", "logical unit") == [f"{STRAY}2"]
        assert told.names("left", "logical unit") == [STRAY]
        assert told.whys == ["it is now 'payroll', in use: False"]


class TestVlans:
    """Bridges carry the VLANs of a node's networks: the recorded one has VLAN 1000 beside its own, 2227."""

    def test_a_vlan_that_no_lpar_has_is_taken_from_the_bridge(self, guests, rest):
        guests.add(5)
        told = clean_up(rest, vlan_offsets=(995, 2222, 1))
        assert told.names("removed", "VLAN") == ["1000"]
        assert "1000" not in bridged(guests.system)
        assert "2227" in bridged(guests.system)

    def test_a_vlan_that_another_lpar_has_stays(self, guests, rest):
        [(path, _)] = guests.system.children(f"LogicalPartition/{guests.nodes[51]}/ClientNetworkAdapter")
        guests.system.change(path, TaggedVLANIDs="7 1000")
        told = clean_up(rest, vlan_offsets=(995,))
        assert told.whys == ["an LPAR is in it"]
        assert "1000" in bridged(guests.system)

    def test_one_that_cannot_go_does_not_hold_up_the_others(self, guests, rest):
        ((_, bridge),) = guests.system.children(f"ManagedSystem/{guests.system.uuid}/NetworkBridge")
        for tagged in bridge.iter(UOM + "TaggedVLANIDs"):
            tagged.text = (tagged.text or "").replace("1000", "1000 1001")
        rest.fail("POST .*/NetworkBridge/", 400, "no")
        told = clean_up(rest, vlan_offsets=(995, 996))
        assert len(told.names("removed", "VLAN")) == len(told.names("left", "VLAN")) == 1
        assert len(bridged(guests.system) & {"1000", "1001"}) == 1


def bridged(system):
    bridge = system.children(f"ManagedSystem/{system.uuid}/NetworkBridge")[0][1]
    return {one.text for tag in ("TaggedVLANIDs", "PortVLANID") for one in bridge.iter(UOM + tag)}


@pytest.mark.parametrize(
    ("content", "node"),
    [
        (None, None),
        ("lparcfg 1.9\nserial_number=IBM,0210F1A2B\npartition_id=5\n", (5, "IBM,0210F1A2B")),
        ("partition_id=5 \n", (5, "")),
    ],
)
def test_the_kernel_tells_which_lpar_this_is(tmp_path, content, node):
    if content is not None:
        (tmp_path / "lparcfg").write_text(content)
    told = module("lpar_cleanup.node").read_node(str(tmp_path / "lparcfg"))
    assert (told and (told.id, told.serial)) == node


@pytest.mark.parametrize(
    "content", ["", "partition_id=\n", "partition_id=5;rm\n", "partition_id=0\n", "partition_id=-1\n"]
)
def test_an_id_that_is_none_is_an_error(tmp_path, content):
    (tmp_path / "lparcfg").write_text(content)
    with pytest.raises(ValueError, match="tells no LPAR id"):
        module("lpar_cleanup.node").read_node(str(tmp_path / "lparcfg"))
