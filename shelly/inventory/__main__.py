"""`python -m shelly.inventory`"""

from runtime.process import main
from shelly.inventory.app import inventory
from shelly.inventory.settings import InventorySettings

if __name__ == "__main__":
    main(InventorySettings, inventory, name="inventory", kafka=False)
