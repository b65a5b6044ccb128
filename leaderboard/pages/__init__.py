"""The app that people look at: one module a tab, and what all tabs share."""

from __future__ import annotations

from .surroundings import prefer_own_folder, without_proxies, without_stubs

prefer_own_folder()
# Gradio makes an HTTP client when it is imported, which ends with an error where a SOCKS proxy is named and its package
# isn't installed.
with without_proxies(), without_stubs():
    from .app import build_app as build_app
    from .app import launch as launch

__all__ = ["build_app", "launch"]
