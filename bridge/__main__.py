"""`python -m bridge`"""

from bridge.app import bridge
from bridge.settings import BridgeSettings
from runtime.process import main

if __name__ == "__main__":
    main(BridgeSettings, bridge, name="bridge", kafka=False)
