from __future__ import annotations

from tests.serve.conftest import _released_shop, shop_folder

__all__ = ["_released_shop", "shop_folder"]
