"""Where Faust is told to use our consumer and producer."""

from faust.transport.drivers import aiokafka as driver

from streams.engine.consumer import BatchConsumer
from streams.engine.producer import IdempotentProducer


def install() -> None:
    """Once, before the app is made."""
    driver.Transport.Consumer = BatchConsumer
    driver.Transport.Producer = IdempotentProducer
