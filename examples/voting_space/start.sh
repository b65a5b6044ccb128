#!/bin/sh
# The study is fetched once: what people have voted since lies beside it.
set -eu
if [ ! -f /data/study/study.json ]; then
    hf download "$STUDY" --repo-type dataset --local-dir /data/incoming
    mv /data/incoming /data/study
fi
exec tia2 people vote /data/study --host 0.0.0.0 --port 7860
