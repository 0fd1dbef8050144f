"""A stand-in for the out-of-tree PowerVM driver on machines without PowerVM hardware."""

from nova.virt import fake
from oslo_log import log as logging

LOG = logging.getLogger(__name__)


class PowerVMDriver(fake.MediumFakeDriver):
    """Nova's fake driver, reached the way the real out-of-tree driver is reached: by its own package's name."""

    def init_host(self, host: str) -> None:
        """Say where the driver comes from, as only an out-of-tree one can tell."""
        LOG.info("Out-of-tree driver %s from %s serves host %s", type(self).__qualname__, __file__, host)
        super().init_host(host)
