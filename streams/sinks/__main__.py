"""`python -m streams.sinks`"""

from runtime.process import main
from streams.sinks.app import app
from streams.sinks.settings import SinkSettings

if __name__ == "__main__":
    main(SinkSettings, app, name="sinks", kafka=True)
