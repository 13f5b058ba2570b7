"""The served project of the tests of serving, for what the open project does with answers."""

from tests.serve.conftest import _released_shop, shop, shop_folder

__all__ = ["_released_shop", "shop", "shop_folder"]
