"""Find Kafka's own command-line tools: on the PATH, among a broker's jars, or in the image."""

import shutil
from pathlib import Path

from infra.kafka import IMAGE, BrokerError, engine, jars

# Kafka's bin folder is not among the jars.
CLASSES = {
    "kafka-acls.sh": "org.apache.kafka.tools.AclCommand",
    "kafka-configs.sh": "kafka.admin.ConfigCommand",
    "kafka-consumer-groups.sh": "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",
    "kafka-delete-records.sh": "org.apache.kafka.tools.DeleteRecordsCommand",
    "kafka-topics.sh": "org.apache.kafka.tools.TopicCommand",
    "kafka-transactions.sh": "org.apache.kafka.tools.TransactionsCommand",
}


def make_command(home: Path, name: str) -> list[str]:
    """Return the command that runs the tool `name`, one of CLASSES. Raises BrokerError."""
    if found := shutil.which(name):
        return [found]
    folder = home / "kafka" / "jars"
    if jars.are_complete(folder):
        jars.check_java()
        return ["java", "-cp", f"{folder}/*", CLASSES[name]]
    if engine.has_image(IMAGE):
        return ["docker", "run", "--rm", "--network", "host", IMAGE, f"/opt/kafka/bin/{name}"]
    raise BrokerError(
        f"{name} is not on the PATH, and there are no jars in {folder}, which `fraud kafka start` "
        "downloads; add the bin folder of a Kafka to the PATH"
    )
