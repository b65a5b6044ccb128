"""Language models that answer: any OpenAI-compatible endpoint, or a local transformers model."""

from __future__ import annotations

import json
import os
import re
from email.utils import parsedate_to_datetime
from typing import Any, Protocol
from urllib.parse import urlsplit, urlunsplit

from tia2.errors import PromptError, first_line, missing_models

KEY_VARIABLE = "TIA2_LLM_API_KEY"
TIMEOUT = 120.0
LOCAL = "local:"

Messages = list[dict[str, str]]


class UnavailableError(PromptError):
    """The endpoint can't answer now; it may later.

    Attributes:
        wait: Seconds after which it wants to be asked again, where it said so.
    """

    def __init__(self, message: str, wait: float | None = None) -> None:
        super().__init__(message)
        self.wait = wait


class Client(Protocol):
    """What answers messages.

    Attributes:
        model: The model's name.
        facts: Everything else that decides its answers, to be kept with them.
        parallel: Whether it may be asked several things at once.
    """

    model: str
    facts: dict[str, Any]
    parallel: bool

    def complete(self, messages: Messages, *, seed: int) -> str:
        """Return the answer.

        Raises:
            UnavailableError: It can't answer now.
            PromptError: It never will.
        """
        ...


class Endpoint:
    """An OpenAI-compatible endpoint, asked through huggingface_hub's InferenceClient.

    Args:
        model: The model's name at the endpoint.
        base_url: Its address, for example "http://localhost:8000/v1". None: Hugging Face's inference providers.
        temperature: Sampling temperature.
        max_tokens: Tokens of the longest answer.
        timeout: Seconds to wait for an answer.
        api_key: The key; if None, that of the variable TIA2_LLM_API_KEY. The Hugging Face token goes to Hugging Face
            only.
    """

    parallel = True

    def __init__(
        self,
        model: str,
        base_url: str | None = None,
        *,
        temperature: float = 0.7,
        max_tokens: int = 2048,
        timeout: float = TIMEOUT,
        api_key: str | None = None,
    ) -> None:
        from huggingface_hub import InferenceClient

        self.model = model
        self.facts: dict[str, Any] = {
            "base_url": None if base_url is None else _without_credentials(base_url),
            "temperature": temperature,
            "max_tokens": max_tokens,
        }
        if base_url is not None and urlsplit(base_url).scheme not in {"http", "https"}:
            raise PromptError(f"Expected a base URL such as http://localhost:8000/v1, got {base_url!r}.")
        key = api_key or os.environ.get(KEY_VARIABLE) or None
        if key is not None and not (key.isascii() and key.isprintable()):
            raise PromptError(
                f"Expected an API key, in {KEY_VARIABLE} or api_key=; got text with characters that no key has."
            )
        if base_url is not None and key is None:
            key = "none"  # without a key, InferenceClient would send the Hugging Face token there
        self._client = InferenceClient(
            model=model if base_url is None else None, base_url=base_url, api_key=key, timeout=timeout
        )
        self._json_mode = True

    def complete(self, messages: Messages, *, seed: int) -> str:
        """Return the answer; an endpoint that refuses JSON mode is asked without it from then on."""
        try:
            return self._complete(messages, seed)
        except _RefusedError as refused:
            if not self._json_mode:
                raise PromptError(str(refused)) from None
        self._json_mode = False
        try:
            return self._complete(messages, seed)
        except _RefusedError as refused:
            raise PromptError(str(refused)) from None

    def _complete(self, messages: Messages, seed: int) -> str:
        from huggingface_hub.errors import HfHubHTTPError, InferenceTimeoutError

        format_: Any = {"type": "json_object"} if self._json_mode else None
        where = self.facts["base_url"] or "Hugging Face's inference providers"
        try:
            answer = self._client.chat_completion(
                messages,
                model=self.model,
                temperature=self.facts["temperature"],
                max_tokens=self.facts["max_tokens"],
                seed=seed,
                response_format=format_,
            )
            content = answer.choices[0].message.content
        except InferenceTimeoutError:
            raise UnavailableError(f"{where} did not answer in time") from None
        except HfHubHTTPError as error:
            raise _from_status(where, error.response) from None
        except OSError as error:
            raise UnavailableError(f"{where}: {first_line(error)}") from None
        except (UnicodeDecodeError, json.JSONDecodeError, TypeError, KeyError, IndexError, AttributeError):
            raise UnavailableError(f"{where} answered something that is no chat completion") from None
        except ValueError as error:  # no key, no such model: said before anything is asked
            raise PromptError(f"{where}: {first_line(error)}") from None
        except Exception as error:
            if type(error).__module__.split(".")[0] not in {"httpx", "httpx2", "httpcore"}:
                raise
            if "Timeout" in type(error).__name__:  # which some versions of the Hub's client pass on as they are
                raise UnavailableError(f"{where} did not answer in time") from None
            raise UnavailableError(f"{where}: {first_line(error)}") from None
        if not isinstance(content, str):
            raise UnavailableError(f"{where} answered without text")
        return content


class Local:
    """A transformers model on this machine. Its answers are not sampled: the same question gets the same answer.

    Args:
        source: A folder, or a model's id on the hub.
        max_tokens: Tokens of the longest answer.
        device: "auto", "cpu", "cuda", …
    """

    parallel = False

    def __init__(self, source: str, *, max_tokens: int = 2048, device: str | None = None) -> None:
        from tia2.devices import pick_device

        try:
            from transformers import pipeline
        except ModuleNotFoundError as error:
            raise (missing_models(error, f"The language model {source!r}") or error) from None

        self.model = f"{LOCAL}{source}"
        self.facts: dict[str, Any] = {"max_tokens": max_tokens, "sampled": False}
        try:
            self._pipeline: Any = pipeline("text-generation", model=source, device=pick_device(device))
        except (OSError, ValueError, KeyError) as error:
            raise PromptError(f"The language model {source!r} can't be loaded: {first_line(error)}") from None

    def complete(self, messages: Messages, *, seed: int) -> str:
        """Return the answer; the seed has no effect."""
        del seed
        chat = getattr(self._pipeline.tokenizer, "chat_template", None) is not None
        given: Any = messages if chat else "\n\n".join(message["content"] for message in messages)
        output = self._pipeline(given, max_new_tokens=self.facts["max_tokens"], do_sample=False, return_full_text=False)
        text = output[0]["generated_text"]
        return str(text if isinstance(text, str) else text[-1]["content"])


class _RefusedError(PromptError):
    """The endpoint calls the request itself wrong."""


def _from_status(where: str, response: Any) -> PromptError:
    status = response.status_code
    reason = f"{where} answered {status} {getattr(response, 'reason_phrase', '')}".rstrip()
    if status == 429 or status >= 500 or status == 408:
        return UnavailableError(reason, _retry_after(response.headers.get("Retry-After")))
    if status in {400, 422}:
        return _RefusedError(reason)
    hint = f"; the variable {KEY_VARIABLE} holds the key" if status in {401, 403} else ""
    return PromptError(f"{reason}{hint}")


def _retry_after(header: str | None) -> float | None:
    """Return the seconds that a Retry-After header asks for."""
    if header is None:
        return None
    if re.fullmatch(r"\d+(\.\d+)?", header.strip()):
        return float(header)
    try:
        from datetime import datetime, timezone

        return max((parsedate_to_datetime(header) - datetime.now(timezone.utc)).total_seconds(), 0.0)
    except (TypeError, ValueError):
        return None


def _without_credentials(url: str) -> str:
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
