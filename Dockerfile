# avsbench in a container, for CPUs by default:
#
#   docker build -t avsbench .
#   docker build -t avsbench --build-arg DEVICE=cuda .
#
# With DEVICE=cuda PyTorch brings the CUDA libraries along; the image has no CUDA compiler, so that
# deformable attention runs on the GPU by PyTorch's operators.
FROM python:3.11-slim

ARG DEVICE=cpu

# g++ builds the operators, the libraries are OpenCV's.
RUN apt-get update \
    && apt-get install -y --no-install-recommends g++ libgl1 libglib2.0-0 \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /opt/avsbench
COPY requirements.txt constraints.txt ./
RUN if [ "$DEVICE" = cpu ]; then \
        pip install --no-cache-dir -c constraints.txt torch torchvision \
            --index-url https://download.pytorch.org/whl/cpu; \
    fi \
    && pip install --no-cache-dir -c constraints.txt -r requirements.txt setuptools ninja

COPY . .
RUN pip install --no-cache-dir -c constraints.txt -e '.[demo,maskiges,tensorboard]' \
    && AVSBENCH_OPS_CUDA=0 bash ops/make.sh

# Data, pretrained weights and work dirs are looked for in the current folder: mount yours here.
WORKDIR /work
ENTRYPOINT ["avsbench"]
CMD ["--help"]
