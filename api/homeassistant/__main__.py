"""`python -m api.homeassistant`"""

from api.homeassistant.app import home_assistant
from api.homeassistant.settings import HomeAssistantSettings
from runtime.process import main

if __name__ == "__main__":
    main(HomeAssistantSettings, home_assistant, name="homeassistant", kafka=True)
