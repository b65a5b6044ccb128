"""The app that people look at: one module a tab, and what all tabs share."""

from __future__ import annotations

from .app import build_app as build_app
from .app import launch as launch

__all__ = ["build_app", "launch"]
