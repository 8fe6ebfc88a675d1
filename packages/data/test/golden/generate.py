"""Golden files for resizing and decoding, made by Pillow 13: python generate.py (needs pillow and numpy)."""

import base64
import hashlib
import io
import json
import pathlib

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

FILES = pathlib.Path(__file__).parent / "files"
FILES.mkdir(exist_ok=True)
rng = np.random.default_rng(7)


def text(data):
    return base64.b64encode(bytes(data)).decode()


def picture(height, width, channels, smooth=False):
    """Noise, or a photograph's gradients with a few edges."""
    if not smooth:
        return rng.integers(0, 256, (height, width, channels), np.uint8)
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    planes = [127 + 120 * np.sin(x / (5 + 3 * c) + c) * np.cos(y / (7 + 2 * c)) + 20 * ((x + c * y) % 23 < 8) for c in range(channels)]
    return np.clip(np.stack(planes, -1), 0, 255).astype(np.uint8)


def image(array):
    return Image.fromarray(array[..., 0] if array.shape[2] == 1 else array)


def array(im):
    a = np.asarray(im)
    return a[..., None] if a.ndim == 2 else a


FILTERS = {
    "nearest": Image.Resampling.NEAREST,
    "box": Image.Resampling.BOX,
    "bilinear": Image.Resampling.BILINEAR,
    "hamming": Image.Resampling.HAMMING,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}


def resize_cases():
    inputs, cases = [], []
    sizes = {
        (37, 29): [(16, 16), (61, 47), (37, 11), (9, 29), (1, 1), (30, 28), (20, 25), (30, 40), (36, 28)],
        (5, 64): [(13, 21)],
        (1, 1): [(3, 2)],
    }
    for (height, width), targets in sizes.items():
        for channels in (1, 3, 4):
            a = picture(height, width, channels)
            if channels == 4:
                a[: height // 2, :, 3] = 255
                a[height // 2 :, : width // 3, 3] = 0
            inputs.append({"height": height, "width": width, "channels": channels, "data": text(a.tobytes())})
            for h, w in targets:
                for name, value in FILTERS.items():
                    out = array(image(a).resize((w, h), value))
                    cases.append({"input": len(inputs) - 1, "height": h, "width": w, "filter": name, "data": text(out.tobytes())})
    (FILES / "resize.json").write_text(json.dumps({"inputs": inputs, "cases": cases}))


def large_resize_cases():
    """Images of a photograph's size, whose bytes follow from their places, and the SHA-256 of what becomes of them."""
    cases = []
    # The last two tell single from double precision in the constants of "hamming", in grey.
    sizes = {(375, 500): (224, 298), (500, 333): (17, 61), (53, 41): (301, 400), (301, 7): (301, 97), (24, 693): (24, 347), (24, 761): (24, 606)}
    for (height, width), (h, w) in sizes.items():
        for channels in (1, 3, 4):
            places = np.arange(height * width * channels, dtype=np.uint64)
            a = ((places * 2654435761 % 2**32) >> 24).astype(np.uint8).reshape(height, width, channels)
            for name, value in FILTERS.items():
                out = array(image(a).resize((w, h), value))
                digest = hashlib.sha256(np.ascontiguousarray(out).tobytes()).hexdigest()
                cases.append({"from": [height, width, channels], "to": [h, w], "filter": name, "sha256": digest})
    (FILES / "resize-large.json").write_text(json.dumps(cases))


def decode_cases():
    expected = {}

    def keep(name, im, reference=None, exact=True, **options):
        path = FILES / name
        im.save(path, **options)
        rgb = reference if reference is not None else array(Image.open(path).convert("RGB"))
        expected[name] = {"height": rgb.shape[0], "width": rgb.shape[1], "exact": exact, "data": text(np.ascontiguousarray(rgb).tobytes())}

    rgb = picture(21, 35, 3, smooth=True)
    im = image(rgb)
    for name, options in {
        "444.jpg": {"quality": 92, "subsampling": 0},
        "422.jpg": {"quality": 85, "subsampling": 1},
        "420.jpg": {"quality": 75, "subsampling": 2},
        "progressive.jpg": {"quality": 80, "progressive": True},
        "optimized.jpg": {"quality": 60, "optimize": True},
    }.items():
        keep(name, im, **options)
    keep("grey.jpg", im.convert("L"), quality=85)
    keep("cmyk.jpg", im.convert("CMYK"), quality=90)
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        buffer = io.BytesIO()
        im.save(buffer, "JPEG", quality=90, exif=exif)
        reference = array(ImageOps.exif_transpose(Image.open(buffer)).convert("RGB"))
        keep(f"orientation-{orientation}.jpg", im, reference, quality=90, exif=exif)
    from PIL import ImageCms

    # Red and blue exchanged: whoever applies the profile shows it.
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    profile = profile.replace(b"rXYZ", b"????", 1).replace(b"bXYZ", b"rXYZ", 1).replace(b"????", b"bXYZ", 1)
    keep("profile.jpg", im, quality=90, icc_profile=profile)

    alpha = np.concatenate([rgb, (np.arange(21 * 35).reshape(21, 35, 1) % 256).astype(np.uint8)], -1)
    keep("rgb.png", im)
    keep("rgba.png", image(alpha))
    keep("grey.png", im.convert("L"))
    keep("grey-alpha.png", image(alpha).convert("LA"))
    keep("bilevel.png", im.convert("1"))
    palette = im.quantize(16)
    keep("palette.png", palette)
    keep("palette-transparent.png", palette, transparency=3)
    keep("palette-2.png", im.quantize(4), bits=2)
    deep = (rgb[..., 0].astype(np.uint16) * 256 + 199).astype(np.uint16)
    keep("grey-16.png", Image.fromarray(deep), np.repeat(rgb[..., :1], 3, -1))
    # Pillow writes no 16-bit RGB: made by hand.
    import struct
    import zlib

    wide = (rgb.astype(np.uint16) * 256 + 77).astype(">u2")
    rows = b"".join(b"\0" + row.tobytes() for row in wide)

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    path = FILES / "rgb-16.png"
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", 35, 21, 16, 2, 0, 0, 0))
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )
    expected["rgb-16.png"] = {"height": 21, "width": 35, "exact": True, "data": text(rgb.tobytes())}
    assert np.array_equal(array(Image.open(path).convert("RGB")), rgb)

    keep("lossless.webp", im, lossless=True)
    keep("lossy.webp", im, quality=80)
    keep("alpha.webp", image(alpha), lossless=True, exact=True)
    keep("still.gif", palette)
    second = image(picture(21, 35, 3)).quantize(16)
    keep("animated.gif", palette, save_all=True, append_images=[second], duration=50)
    keep("animated.webp", im, save_all=True, append_images=[image(picture(21, 35, 3))], duration=50, lossless=True)
    turned = Image.Exif()
    turned[0x0112] = 6
    keep("orientation-6.png", im, np.rot90(rgb, -1), exif=turned)
    # Not turned: browsers do not agree on WebP.
    keep("orientation-6.webp", im, lossless=True, exif=turned)
    (FILES / "decode.json").write_text(json.dumps(expected))


def more_decode_cases():
    """Formats that browsers do not decode, or not to the same bytes."""
    import struct

    seeded = np.random.default_rng(11)
    expected = {}

    def keep(name, reference=None, most=0):
        rgb = reference if reference is not None else array(Image.open(FILES / name).convert("RGB"))
        expected[name] = {"height": rgb.shape[0], "width": rgb.shape[1], "most": most, "data": text(np.ascontiguousarray(rgb).tobytes())}

    def save(name, im, most=0, reference=None, **options):
        im.save(FILES / name, **options)
        keep(name, reference, most)

    rgb = picture(13, 21, 3, smooth=True)
    im = image(rgb)
    for compression in ["raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg"]:
        save(f"{compression}.tif", im, compression=None if compression == "raw" else compression)
    save("grey.tif", im.convert("L"))
    save("bilevel.tif", im.convert("1"), compression="group4")
    save("palette.tif", im.quantize(16))
    save("rgba.tif", image(np.concatenate([rgb, (np.arange(13 * 21).reshape(13, 21, 1) % 256).astype(np.uint8)], -1)))
    save("cmyk.tif", im.convert("CMYK"))
    save("pages.tif", im, save_all=True, append_images=[im.transpose(Image.Transpose.ROTATE_90)])
    turned = Image.Exif()
    turned[0x0112] = 6
    save("orientation-6.tif", im, exif=turned)
    # Pillow's convert clips 16 bits of grey at 255. The high byte is what it keeps of 16 bits of RGB.
    save("grey-16.tif", Image.fromarray(rgb[..., 0].astype(np.uint16) * 256 + 199), reference=np.repeat(rgb[..., :1], 3, -1))
    # Pillow writes no 16-bit RGB: made by hand, in the other byte order.
    wide = (rgb.astype(np.uint16) * 256 + 77).astype(">u2").tobytes()
    fields = [(256, 4, 21), (257, 4, 13), (258, 3, None), (259, 3, 1), (262, 3, 2), (273, 4, 8), (277, 3, 3), (278, 4, 13), (279, 4, len(wide))]
    table = 8 + len(wide)
    bits = table + 2 + 12 * len(fields) + 4
    directory = struct.pack(">H", len(fields))
    for tag, kind, value in fields:
        directory += struct.pack(">HHI", tag, kind, 3 if value is None else 1)
        directory += struct.pack(">I", bits) if value is None else struct.pack(">I", value) if kind == 4 else struct.pack(">HH", value, 0)
    data = b"MM\0*" + struct.pack(">I", table) + wide + directory + struct.pack(">I", 0) + struct.pack(">HHH", 16, 16, 16)
    (FILES / "rgb-16.tif").write_bytes(data)
    keep("rgb-16.tif")
    assert np.array_equal(array(Image.open(FILES / "rgb-16.tif").convert("RGB")), rgb)

    for mode in ["1", "L", "RGB", "RGBA"]:
        save(f"{mode.lower()}.bmp", im.convert(mode))
    save("palette.bmp", im.quantize(16))

    def rows(a):
        return b"".join(row.tobytes() + b"\0" * (-row.nbytes % 4) for row in a)

    def bmp(name, body, width, height, bits, compression=0, masks=b"", palette=b""):
        begin = 54 + len(masks) + len(palette)
        head = struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, compression, len(body), 2835, 2835, len(palette) // 4, 0)
        file = b"BM" + struct.pack("<IHHI", begin + len(body), 0, 0, begin)
        (FILES / name).write_bytes(file + head + masks + palette + body)
        keep(name)

    small = seeded.integers(0, 256, (5, 7, 3), np.uint8)
    r, g, b = (small[..., i].astype("<u2") for i in range(3))
    bmp("top-down.bmp", rows(small[..., ::-1].copy()), 7, -5, 24)
    bmp("rgb-555.bmp", rows((r >> 3 << 10 | g >> 3 << 5 | b >> 3)[::-1]), 7, 5, 16)
    bmp("rgb-565.bmp", rows((r >> 3 << 11 | g >> 2 << 5 | b >> 3)[::-1]), 7, 5, 16, 3, struct.pack("<III", 0xF800, 0x7E0, 0x1F))
    colours = seeded.integers(0, 256, 64, np.uint8).tobytes()
    nibbles = seeded.integers(0, 16, (5, 8), np.uint8)
    bmp("four-bits.bmp", rows(nibbles[::-1, ::2] << 4 | nibbles[::-1, 1::2]), 7, 5, 4, palette=colours)
    runs = b"".join(bytes([3, row[0], 0, 3]) + row[3:6].tobytes() + b"\0" + bytes([1, row[6], 0, 0]) for row in nibbles[::-1]) + b"\0\1"
    bmp("run-lengths.bmp", runs, 7, 5, 8, 1, palette=colours)

    save("444.avif", im, quality=90, subsampling="4:4:4", most=1)
    save("420.avif", im, quality=90, most=40)
    save("grey.avif", im.convert("L"), quality=90, most=1)
    (FILES / "decode-node.json").write_text(json.dumps(expected))


def enhance_cases():
    """Single operations of RandAugment."""
    rgb = picture(19, 23, 3, smooth=True)
    im = image(rgb)
    cases = {
        "autoContrast": ImageOps.autocontrast(im),
        "equalize": ImageOps.equalize(im),
        "invert": ImageOps.invert(im),
        "posterize:3": ImageOps.posterize(im, 3),
        "solarize:100": ImageOps.solarize(im, 100),
        "solarizeAdd:60": im.point([min(255, i + 60) if i < 128 else i for i in range(256)] * 3),
        "color:0.4": ImageEnhance.Color(im).enhance(0.4),
        "color:1.6": ImageEnhance.Color(im).enhance(1.6),
        "contrast:0.4": ImageEnhance.Contrast(im).enhance(0.4),
        "contrast:1.7": ImageEnhance.Contrast(im).enhance(1.7),
        "brightness:0.3": ImageEnhance.Brightness(im).enhance(0.3),
        "brightness:1.8": ImageEnhance.Brightness(im).enhance(1.8),
        "sharpness:0.2": ImageEnhance.Sharpness(im).enhance(0.2),
        "sharpness:1.8": ImageEnhance.Sharpness(im).enhance(1.8),
    }
    (FILES / "enhance.json").write_text(
        json.dumps({"height": 19, "width": 23, "data": text(rgb.tobytes()), "cases": {k: text(array(v).tobytes()) for k, v in cases.items()}})
    )


resize_cases()
large_resize_cases()
decode_cases()
more_decode_cases()
enhance_cases()
