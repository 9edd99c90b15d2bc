#!/usr/bin/env bash
# Train, time and rank every row of the board of YouTube Faces.
#
#     docs/reproduce-board.sh ROOT [OUT] [full|quick]
#
# ROOT is the data set's folder. OUT (runs/board) gets a folder a row; a row that is done is not
# trained again, one that was cut off goes on, so the script can be called until it ends.
# `full` wants a GPU, and is laid out for two hours of one: 224 px, recipe strong. `quick` is for the
# CPU: recipe quick, networks of more than 3M parameters at 64 px and the largest for fewer epochs,
# some ten minutes a row on one core, but vgg19 at 96 px and finetune take 40, and custom_cnn takes
# more than an hour. finetune downloads its ImageNet weights. DRY=1 prints the commands and runs none.
set -euo pipefail

if [[ $# -lt 1 || $# -gt 3 || ! "${3:-full}" =~ ^(full|quick)$ ]]; then
    echo "usage: docs/reproduce-board.sh ROOT [OUT] [full|quick]" >&2
    exit 2
fi
root=$1 out=${2:-runs/board} scale=${3:-full}

call() {
    printf '%q ' "$@" && echo
    [[ -n "${DRY:-}" ]] || "$@"
}

# row NAME ARGUMENT...: one run of `zoo train`, in a folder of its own
row() {
    local name=$1 folder
    shift
    for folder in "$out/$name"/*/; do
        if [[ -f "$folder/record.json" ]]; then
            echo "$name: done"
            return
        fi
        if [[ -f "$folder/state/last.safetensors" ]]; then
            call zoo train --resume "${folder%/}"
            return
        fi
    done
    call zoo train "$@" --data "$root" --out "$out/$name"
}

if [[ $scale == full ]]; then
    maps=(--recipe strong --head heatmap --set head.width=128)
    usual=(--set refine=1 --set input_size=224 --device cuda --precision bf16)
    row custom_cnn-seed custom_cnn --recipe seed --device cuda --precision bf16
    row custom_cnn custom_cnn --recipe custom_cnn --device cuda --precision bf16
    for backbone in timm:lcnet_050 timm:mobilenetv3_small_100 timm:mobilenetv4_conv_small \
        timm:regnetx_002 timm:hgnetv2_b0 timm:efficientnet_b0 timm:resnet18 timm:convnext_tiny \
        vgg19 resnet152 timm:convnext_base; do
        row "${backbone#timm:}" "$backbone" "${maps[@]}" "${usual[@]}"
    done
    row finetune timm:tf_efficientnet_lite0 --pretrained --recipe finetune "${usual[@]}"
    one=timm:mobilenetv4_conv_small
    row head-linear "$one" --recipe strong --head linear "${usual[@]}"
    row head-soft_argmax "$one" --recipe strong --head soft_argmax --loss l1 \
        --set head.stride=4 --set head.width=128 "${usual[@]}"
    row head-simcc "$one" --recipe strong --head simcc --loss l1 --set head.width=128 "${usual[@]}"
else
    row custom_cnn custom_cnn --recipe custom_cnn
    row finetune timm:tf_efficientnet_lite0 --pretrained --recipe finetune
    for backbone in timm:lcnet_050 timm:mobilenetv3_small_100 timm:mobilenetv4_conv_small \
        timm:regnetx_002 timm:hgnetv2_b0; do
        row "${backbone#timm:}" "$backbone" --recipe quick
    done
    row efficientnet_b0 timm:efficientnet_b0 --recipe quick --set input_size=64
    row resnet18 timm:resnet18 --recipe quick --set input_size=64 --precision bf16
    for backbone in vgg19 resnet152; do
        row "$backbone" "$backbone" --recipe quick --set input_size=64 --epochs 5 --precision bf16
    done
    row convnext_base timm:convnext_base --recipe quick --set input_size=64 --epochs 3 \
        --precision bf16
    row vgg19-96px vgg19 --recipe quick --set input_size=96 --epochs 10 --precision bf16
    row vgg19-soft_argmax vgg19 --recipe quick --set input_size=96 --epochs 8 --precision bf16 \
        --head soft_argmax --loss l1 --set head.stride=4 --set head.width=128
    row efficientnet_b0-96px timm:efficientnet_b0 --recipe quick --set input_size=96
    heads=(timm:mobilenetv4_conv_small --recipe quick --set input_size=64)
    row head-heatmap "${heads[@]}"
    row head-linear "${heads[@]}" --head linear
    row head-soft_argmax "${heads[@]}" --head soft_argmax --loss l1 \
        --set head.stride=4 --set head.width=128
    row head-simcc "${heads[@]}" --head simcc --loss l1 --set head.width=128
fi

# Two more seeds of the five best, so that luck is seen.
best_five() {
    zoo leaderboard "$out" --format json | python3 -c '
import json, sys
(board,) = json.load(sys.stdin)
rows = [row for row in board["rows"] if row["runs"] and not row["external"]]
print(*(row["runs"][0] for row in rows[:5]), sep="\n")'
}
if [[ -n "${DRY:-}" ]]; then
    echo "# then two more seeds of the five best rows, by zoo train --from-record"
else
    best=$(best_five)
    for run in $best; do
        record=$(echo "$out"/*/"$run"/record.json)
        name=$(basename "$(dirname "$(dirname "$record")")")
        for seed in 1 2; do
            row "$name-seed$seed" --from-record "$record" --seed "$seed"
        done
    done
fi

call zoo bench "$out"/*/*/
call zoo leaderboard "$out"
