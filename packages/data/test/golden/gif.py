"""Writes files/gif.json: GIFs and the pixels that Pillow makes of them: python gif.py (Pillow 13)."""

import base64
import io
import json
from pathlib import Path

import numpy as np
from PIL import Image

rng=np.random.default_rng(3)
out=[]
def case(name, data):
    im=Image.open(io.BytesIO(data)); rgb=np.asarray(im.convert("RGB"))
    out.append({"name":name,"gif":base64.b64encode(data).decode(),"size":[rgb.shape[0],rgb.shape[1]],"rgb":base64.b64encode(rgb.tobytes()).decode()})
def save(im,**k):
    b=io.BytesIO(); im.save(b,"GIF",**k); return b.getvalue()
pal=rng.integers(0,256,768).astype(np.uint8).tobytes()
def P(h,w,n):
    im=Image.fromarray(rng.integers(0,n,(h,w)).astype(np.uint8),"P"); im.putpalette(pal); return im
case("plain",save(P(13,17,256)))
case("interlaced",save(P(21,9,200),interlace=1))
case("transparent",save(P(11,12,16),transparency=3,optimize=False))
case("grey",save(Image.fromarray(rng.integers(0,256,(9,14)).astype(np.uint8),"L")))
case("two colours",save(P(8,8,2),optimize=True))
case("long",save(P(80,90,250)))
runs=Image.fromarray(np.repeat(rng.integers(0,5,(40,1)).astype(np.uint8),60,1),"P"); runs.putpalette(pal); case("runs",save(runs))
frames=[P(12,15,30) for _ in range(3)]
case("animated",save(frames[0],save_all=True,append_images=frames[1:],transparency=2,disposal=2))
# a frame smaller than its canvas, with and without a transparent entry
for tr in (None,5):
    d=bytearray(save(P(6,7,8),**({} if tr is None else {"transparency":tr}),optimize=False,interlace=0))
    d[6:10]=bytes([12,0,10,0])
    i=d.index(b"\x2c\x00\x00\x00\x00")
    d[i+1:i+5]=bytes([3,0,2,0])
    case(f"partial {tr}",bytes(d))
(Path(__file__).parent / "files" / "gif.json").write_text(json.dumps(out))
