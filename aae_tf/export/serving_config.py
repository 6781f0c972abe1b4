"""The configuration of TensorFlow Serving, next to the versions. Existing files are kept."""

from pathlib import Path

from aae_tf.utils.files import atomic_write

IMAGE = "tensorflow/serving:2.19.1"

_MODELS = """model_config_list {{
  config {{
    name: "{name}"
    base_path: "/models/{name}"
    model_platform: "tensorflow"
    model_version_policy {{ latest {{ num_versions: 1 }} }}
  }}
}}
"""

_BATCHING = """max_batch_size { value: 256 }
batch_timeout_micros { value: 2000 }
max_enqueued_batches { value: 100 }
num_batch_threads { value: 4 }
"""

_COMPOSE = """# docker compose -f compose.yaml up      (REST on 8501, gRPC on 8500, both on this machine only)
services:
  {name}:
    image: {image}
    platform: linux/amd64 # emulated on ARM (Apple silicon); aae-tf serve --builtin needs no image
    command:
      - --model_config_file=/models/{name}/models.config
      - --model_config_file_poll_wait_seconds=0
      - --file_system_poll_wait_seconds=5
      - --enable_batching
      - --batching_parameters_file=/models/{name}/batching.config
    ports: ["127.0.0.1:8501:8501", "127.0.0.1:8500:8500"]
    volumes: [".:/models/{name}:ro"]
    read_only: true
    tmpfs: [/tmp]
    cap_drop: [ALL]
    security_opt: ["no-new-privileges:true"]
    restart: unless-stopped
    healthcheck:
      test:
        - CMD
        - bash
        - -c
        - >-
          exec 3<>/dev/tcp/127.0.0.1/8501 &&
          printf 'GET /v1/models/{name} HTTP/1.0\\r\\n\\r\\n' >&3 && grep -q AVAILABLE <&3
      interval: 10s
      timeout: 5s
      start_period: 60s
"""


def write_configuration(dest: Path) -> None:
    """Write models.config, batching.config and compose.yaml into the folder of a served model, if they are missing."""
    name = dest.resolve().name
    texts = {"models.config": _MODELS.format(name=name), "batching.config": _BATCHING}
    texts["compose.yaml"] = _COMPOSE.format(name=name, image=IMAGE)
    for file_name, text in texts.items():
        if not (dest / file_name).exists():
            atomic_write(dest / file_name, lambda file, text=text: file.write(text.encode()))
