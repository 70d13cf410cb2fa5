"""Writes a GGUF model that says one fixed sentence: one-hot embeddings, no attention, and output rows that are a
Markov chain.

llama.cpp's own server runs it like any other model, so a real server that nobody here wrote gives an answer that a
test can expect.
"""

from pathlib import Path

import gguf
import numpy as np

SENTENCE = "A real llama.cpp server answers with a hand-written Markov chain ."
HEADS = 8
_UNKNOWN, _CONTROL, _NORMAL, _BYTE = 2, 3, 1, 6
_END = 2
_TEMPLATE = "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}assistant:"


def write(path: Path, sentence: str = SENTENCE) -> None:
    """Write the model that answers every prompt with `sentence`, one token a word, and then stops."""
    words = [f"▁{word}".encode() for word in sentence.split()]
    tokens = [b"<unk>", b"<s>", b"</s>", *(f"<0x{byte:02X}>".encode() for byte in range(256)), *words]
    kinds = [_UNKNOWN, _CONTROL, _CONTROL, *[_BYTE] * 256, *[_NORMAL] * len(words)]
    first = len(tokens) - len(words)
    following = [first] * len(tokens)
    for token in range(first, len(tokens)):
        following[token] = token + 1 if token + 1 < len(tokens) else _END
    width = -(-len(tokens) // HEADS) * HEADS
    writer = _header(path, tokens, kinds, width)
    for name, tensor in _tensors(following, width).items():
        writer.add_tensor(name, tensor)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _header(path: Path, tokens: list[bytes], kinds: list[int], width: int) -> gguf.GGUFWriter:
    writer = gguf.GGUFWriter(str(path), "llama")
    writer.add_name("chain")
    writer.add_context_length(4096)
    writer.add_embedding_length(width)
    writer.add_block_count(1)
    writer.add_feed_forward_length(8)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_dimension_count(width // HEADS)
    writer.add_vocab_size(len(tokens))
    writer.add_file_type(0)
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores([0.0] * len(tokens))
    writer.add_token_types(kinds)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(_END)
    writer.add_unk_token_id(0)
    writer.add_chat_template(_TEMPLATE)
    return writer


def _tensors(following: list[int], width: int) -> dict[str, np.ndarray]:
    """Attention and feed-forward are zero, so the output depends on the last token alone."""
    output = np.zeros((len(following), width), np.float32)
    output[following, range(len(following))] = 2.0
    ones = np.ones(width, np.float32)
    square, narrow, tall = (np.zeros(shape, np.float32) for shape in ((width, width), (8, width), (width, 8)))
    block = {"attn_norm": ones, "ffn_norm": ones, "ffn_gate": narrow, "ffn_up": narrow, "ffn_down": tall}
    block |= dict.fromkeys(("attn_q", "attn_k", "attn_v", "attn_output"), square)
    embedding = np.eye(len(following), width, dtype=np.float32)
    whole = {"token_embd.weight": embedding, "output_norm.weight": ones, "output.weight": output}
    return whole | {f"blk.0.{name}.weight": tensor for name, tensor in block.items()}
