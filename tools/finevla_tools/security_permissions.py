"""Rights as OMG DDS Security 1.1 writes them: permissions and governance, in the names that DDS gives to ROS's topics."""

import xml.etree.ElementTree as ET
from datetime import datetime

from finevla_core.errors import FineVLAError
from finevla_tools.security_map import Rights

DAYS = 3650  # that keys are valid at most
HIGHEST_DOMAIN = 232  # the highest whose ports exist
_SCHEMAS = "http://www.omg.org/spec/DDS-SECURITY/20170901/omg_shared_ca_"
# Every participant of every enclave tells there which nodes are in it.
_EVERYBODYS = ("ros_discovery_info",)


def checked_domain(domain: str | int) -> int:
    """The number of a ROS domain; raises `FineVLAError` if there is no such domain."""
    text = str(domain)
    if not (text.isascii() and text.isdigit() and len(text) < 5 and int(text) <= HIGHEST_DOMAIN):
        raise FineVLAError(f"'{text[:60]}' is no ROS domain; give a number from 0 to {HIGHEST_DOMAIN}")
    return int(text)


def dds_topics(rights: Rights, namespace: str) -> tuple[list[str], list[str]]:
    """What may be written and what may be read, by DDS's names: topics are `rt`, requests `rq`, replies `rr`."""

    def full(name: str) -> str:
        return name if name.startswith("/") else "/" + f"{namespace}/{name}".lstrip("/")

    writes, reads = {*_EVERYBODYS}, {*_EVERYBODYS}
    writes |= {f"rt{full(name)}" for name in rights.publishes}
    reads |= {f"rt{full(name)}" for name in rights.subscribes}
    goals = ("send_goal", "cancel_goal", "get_result")
    serves = [*rights.serves, *(f"{name}/_action/{part}" for name in rights.acts for part in goals)]
    calls = [*rights.calls, *(f"{name}/_action/{part}" for name in rights.asks for part in goals)]
    for name in map(full, serves):
        writes.add(f"rr{name}Reply")
        reads.add(f"rq{name}Request")
    for name in map(full, calls):
        writes.add(f"rq{name}Request")
        reads.add(f"rr{name}Reply")
    for part in ("feedback", "status"):
        writes |= {f"rt{full(name)}/_action/{part}" for name in rights.acts}
        reads |= {f"rt{full(name)}/_action/{part}" for name in rights.asks}
    return sorted(writes), sorted(reads)


def permissions(enclave: str, rights: Rights, namespace: str, domain: int, begin: datetime, end: datetime) -> bytes:
    """The permissions of one enclave (`/finevla/policy`): what is not in it is denied."""
    root, body = _document("permissions", "permissions.xsd")
    grant = ET.SubElement(body, "grant", name=enclave)
    ET.SubElement(grant, "subject_name").text = f"CN={enclave}"
    validity = ET.SubElement(grant, "validity")
    ET.SubElement(validity, "not_before").text = begin.isoformat(timespec="seconds")
    ET.SubElement(validity, "not_after").text = end.isoformat(timespec="seconds")
    rule = ET.SubElement(grant, "allow_rule")
    _domains(rule, domain)
    for kind, names in zip(("publish", "subscribe"), dds_topics(rights, namespace), strict=True):
        topics = ET.SubElement(ET.SubElement(rule, kind), "topics")
        for name in names:
            ET.SubElement(topics, "topic").text = name
    ET.SubElement(grant, "default").text = "DENY"
    return _text(root)


def governance(domain: int) -> bytes:
    """The rules of the domain: nobody joins without a key, everything is encrypted, every topic needs a permission."""
    root, body = _document("domain_access_rules", "governance.xsd")
    rule = ET.SubElement(body, "domain_rule")
    _domains(rule, domain)
    for name, value in (
        ("allow_unauthenticated_participants", "false"),
        ("enable_join_access_control", "true"),
        ("discovery_protection_kind", "ENCRYPT"),
        ("liveliness_protection_kind", "ENCRYPT"),
        ("rtps_protection_kind", "ENCRYPT"),
    ):
        ET.SubElement(rule, name).text = value
    topic = ET.SubElement(ET.SubElement(rule, "topic_access_rules"), "topic_rule")
    for name, value in (
        ("topic_expression", "*"),
        ("enable_discovery_protection", "true"),
        ("enable_liveliness_protection", "true"),
        ("enable_read_access_control", "true"),
        ("enable_write_access_control", "true"),
        ("metadata_protection_kind", "ENCRYPT"),
        ("data_protection_kind", "ENCRYPT"),
    ):
        ET.SubElement(topic, name).text = value
    return _text(root)


def _document(kind: str, schema: str) -> tuple[ET.Element, ET.Element]:
    where = {
        "xmlns:xsi": "http://www.w3.org/2001/XMLSchema-instance",
        "xsi:noNamespaceSchemaLocation": _SCHEMAS + schema,
    }
    root = ET.Element("dds", where)
    return root, ET.SubElement(root, kind)


def _domains(parent: ET.Element, domain: int) -> None:
    ET.SubElement(ET.SubElement(parent, "domains"), "id").text = str(domain)


def _text(root: ET.Element) -> bytes:
    ET.indent(root)
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root) + b"\n"
