"""The API's keys: without a file of them it does not start, for nobody could ask it anything."""

from api.settings import ApiSettings
from runtime.api_keys import InvalidApiKeys
from runtime.page_keys import ApiKeyFile


def open_keys(settings: ApiSettings) -> ApiKeyFile | None:
    """The keys that requests must have; None if they need none. Raises InvalidApiKeys."""
    if not settings.keys_required:
        return None
    path = settings.keys_path
    if not path.exists():
        raise InvalidApiKeys(
            f"{path}: the API needs keys on {settings.host} and there are none: "
            "bluflow keys create --name page --scope read"
        )
    return ApiKeyFile(path)
