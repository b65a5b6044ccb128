"""An entry's values over HTTP, for frameworks that train elsewhere."""
