# SPDX-License-Identifier: BSD-2-Clause
"""Training pictures: stored frames turned, scaled, cut, put together, pasted upon, discoloured, blurred and made noisy.

Everything follows from (seed, number of the sample), so that a run that was interrupted goes on as if it had not been.
"""
import io

import numpy as np
from PIL import Image, ImageFilter

import boxes as boxlib
import store

LEAST_SIDE, LEAST_HEIGHT = 3, 8  # pixels; smaller people neither teach nor count
LEAST_LEFT = 0.35                # of a person's box after cutting, for it to be one
SIZES = ((384, 224), (384, 224), (384, 224), (416, 256), (320, 192), (352, 288), (448, 256))


class Mix:
    """Draws from stores by weight; within the photographs each source has its share."""

    def __init__(self, stores, weights):
        self.stores, self.weights = stores, np.array(weights, float) / sum(weights)
        self.groups = []
        for s in stores:
            groups = {}
            for i, record in enumerate(s.records):
                groups.setdefault(record["group"].split("-")[0] if s.name.startswith("scene") else record["group"],
                                  []).append(i)
            share = np.array([len(g) ** 0.6 for g in groups.values()])
            self.groups.append((list(groups.values()), share / share.sum()))
        self.cuttings = [(s, i, j) for s in stores for i, r in enumerate(s.records) for j, b in enumerate(r["boxes"])
                         if self.fit_to_cut(r, b)]
        self.empty = [(s, i) for s in stores for i, r in enumerate(s.records) if not r["boxes"]]

    @staticmethod
    def fit_to_cut(record, box):
        """Whole and large enough to be pasted elsewhere."""
        x0, y0, x1, y1, kind = box
        lone = all(b is box or boxlib.shared(np.array([box]), np.array([b]))[0, 0] == 0 for b in record["boxes"])
        return (lone and kind == store.PERSON and y1 - y0 >= 60 and 0.25 < (x1 - x0) / (y1 - y0) < 0.8 and x0 > 1 and
                y0 > 1 and x1 < record["width"] - 1 and y1 < record["height"] - 1)

    def draw(self, rng):
        which = rng.choice(len(self.stores), p=self.weights)
        groups, share = self.groups[which]
        group = groups[rng.choice(len(groups), p=share)]
        index = group[rng.integers(len(group))]
        s = self.stores[which]
        return s.picture(index), s.boxes(index)

    def draw_person(self, rng):
        """-> a person cut out."""
        s, index, which = self.cuttings[rng.integers(len(self.cuttings))]
        x0, y0, x1, y1 = (int(v) for v in s.records[index]["boxes"][which][:4])
        return s.picture(index)[y0:y1, x0:x1]

    def draw_thing(self, rng):
        """-> a part of a person's shape and size, of a picture without people."""
        s, index = self.empty[rng.integers(len(self.empty))]
        picture = s.picture(index)
        height, width = picture.shape[:2]
        h = rng.uniform(0.2, 1) * height
        w = min(h * rng.uniform(0.25, 0.8), width)
        x, y = int(rng.uniform(0, width - w)), int(rng.uniform(0, height - h))
        return picture[y:y + int(h), x:x + int(w)]


def place(picture, rows, box, size, mirrored):
    """The part `box` of a picture (it may reach beyond) scaled to `size`; -> array and rows."""
    x0, y0, x1, y1 = box
    width, height = size
    sx, sy = width / (x1 - x0), height / (y1 - y0)
    image = Image.fromarray(picture)
    if sx < 0.5 and sy < 0.5:  # else bilinear sampling would leave out lines
        image = image.reduce(2)
        x0, y0, x1, y1 = x0 / 2, y0 / 2, x1 / 2, y1 / 2
    matrix = ((x1 - x0) / width, 0, x0, 0, (y1 - y0) / height, y0)
    image = image.transform(size, Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR, fillcolor=(114, 114, 114))
    rows = rows.copy()
    rows[:, [0, 2]] = (rows[:, [0, 2]] - box[0]) * sx
    rows[:, [1, 3]] = (rows[:, [1, 3]] - box[1]) * sy
    if mirrored:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        rows[:, [0, 2]] = width - rows[:, [2, 0]]
    return np.asarray(image), cut(rows, width, height)


def cut(rows, width, height):
    """Cut at the edges; what is too little to tell becomes a place to leave out, what is outside goes."""
    whole = np.maximum(boxlib.area(rows), 1e-9)
    rows[:, [0, 2]] = rows[:, [0, 2]].clip(0, width)
    rows[:, [1, 3]] = rows[:, [1, 3]].clip(0, height)
    w, h = rows[:, 2] - rows[:, 0], rows[:, 3] - rows[:, 1]
    unclear = (w * h < LEAST_LEFT * whole) | (w < LEAST_SIDE) | (h < LEAST_HEIGHT)
    rows[unclear, 4] = store.IGNORE
    return rows[(w > 1) & (h > 1)]


def view(picture, rows, size, rng, close=1.0):
    """A random view: usually all of it with some border or a little less, at times a person from near."""
    height, width = picture.shape[:2]
    ratio = size[0] / size[1]
    w = max(width, height * ratio)  # the least that shows all
    zoom = np.exp(rng.uniform(np.log(0.42), np.log(1.3))) * close
    w *= zoom
    h = w / ratio
    stretch = np.exp(rng.normal(0, 0.08))
    w, h = w * stretch, h / stretch
    people = rows[rows[:, 4] == store.PERSON]
    if zoom < 0.9 and len(people) and rng.random() < 0.7:  # about somebody
        one = people[rng.integers(len(people))]
        cx = rng.uniform(one[0], one[2]) + rng.normal(0, 0.2) * w
        cy = rng.uniform(one[1], one[3]) + rng.normal(0, 0.2) * h
    else:
        cx, cy = width / 2 + rng.uniform(-0.5, 0.5) * abs(width - w), height / 2 + rng.uniform(-0.5, 0.5) * abs(height - h)
    box = (cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2)
    return place(picture, rows, box, size, rng.random() < 0.5)


def plain(picture, rows, size, rng):
    """As the model will be used: letterboxed, perhaps mirrored."""
    height, width = picture.shape[:2]
    scale = min(size[0] / width, size[1] / height)
    w, h = size[0] / scale, size[1] / scale
    box = (width / 2 - w / 2, height / 2 - h / 2, width / 2 + w / 2, height / 2 + h / 2)
    return place(picture, rows, box, size, rng.random() < 0.5)


def mosaic(mix, size, rng):
    """Two or four views side by side."""
    width, height = size
    x, y = round(width * rng.uniform(0.35, 0.65)), round(height * rng.uniform(0.35, 0.65))
    if rng.random() < 0.5:
        cells = [(0, 0, x, height), (x, 0, width, height)]
    else:
        cells = [(0, 0, x, y), (x, 0, width, y), (0, y, x, height), (x, y, width, height)]
    canvas, all_rows = np.empty((height, width, 3), np.uint8), []
    for x0, y0, x1, y1 in cells:
        part, rows = view(*mix.draw(rng), (x1 - x0, y1 - y0), rng, close=0.75)
        canvas[y0:y1, x0:x1] = part
        all_rows.append(rows + np.array([x0, y0, x0, y0, 0], np.float32))
    return canvas, np.concatenate(all_rows)


def paste(canvas, rows, mix, rng):
    """A person from elsewhere, with soft edges; whom it hides more than half is left out. Or, as often, a part of a
    picture without people in the same way: else the soft edges alone would tell a person."""
    thing = bool(mix.empty) and rng.random() < 0.5
    if not thing and not mix.cuttings:
        return canvas, rows
    part = mix.draw_thing(rng) if thing else mix.draw_person(rng)
    person = Image.fromarray(np.ascontiguousarray(part))
    height, width = canvas.shape[:2]
    h = int(min(height * np.exp(rng.uniform(np.log(0.15), np.log(0.95))), 1.4 * person.height))
    w = max(4, round(h * person.width / person.height))
    if h < 16 or w >= width or h >= height:
        return canvas, rows
    person = person.resize((w, h), Image.Resampling.BILINEAR)
    if rng.random() < 0.5:
        person = person.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    left, top = int(rng.integers(width - w)), int(rng.integers(height - h))
    # Full inside, fading towards the edges of an upright oval.
    v, u = np.mgrid[0:h, 0:w]
    far = np.abs(u / (w - 1) * 2 - 1) ** 3 + np.abs(v / (h - 1) * 2 - 1) ** 6
    mask = np.clip((1.15 - far) / 0.3, 0, 1)[..., None].astype(np.float32)
    canvas = canvas.copy()
    under = canvas[top:top + h, left:left + w]
    under[:] = (np.asarray(person) * mask + under * (1 - mask)).astype(np.uint8)
    new = np.array([[left, top, left + w, top + h, store.PERSON]], np.float32)
    if len(rows):
        rows = rows.copy()
        rows[boxlib.inside(rows, new)[:, 0] > 0.5, 4] = store.IGNORE
    return canvas, rows if thing else np.concatenate([rows, new])


def spoil(canvas, rng):
    """Light, colour, sharpness, noise, compression."""
    if rng.random() < 0.8:
        x = canvas.astype(np.float32)
        gain = np.exp(rng.normal(0, 0.25)) * np.exp(rng.normal(0, 0.08, 3))  # light, and its colour
        grey = x.mean(2, keepdims=True)
        colour = 0.0 if rng.random() < 0.06 else np.exp(rng.normal(0, 0.3))
        x = (grey + (x - grey) * colour) * gain.astype(np.float32)
        contrast = np.exp(rng.normal(0, 0.15))
        x = (x - 118) * contrast + 118 + rng.normal(0, 12)
        if rng.random() < 0.3:
            x = 255 * (x.clip(0, 255) / 255) ** np.exp(rng.normal(0, 0.25))
        canvas = x.clip(0, 255).astype(np.uint8)
    choice = rng.random()
    if choice < 0.12:
        canvas = np.asarray(Image.fromarray(canvas).filter(ImageFilter.GaussianBlur(rng.uniform(0.4, 1.4))))
    elif choice < 0.2:  # a smaller picture, enlarged
        image, part = Image.fromarray(canvas), rng.uniform(0.45, 0.8)
        small = image.resize((int(image.width * part), int(image.height * part)), Image.Resampling.BILINEAR)
        canvas = np.asarray(small.resize(image.size, Image.Resampling.BILINEAR))
    elif choice < 0.3:
        noise = rng.normal(0, rng.uniform(3, 18), canvas.shape[:2] + (1 if rng.random() < 0.5 else 3,))
        canvas = (canvas + noise).clip(0, 255).astype(np.uint8)
    if rng.random() < 0.1:
        memory = io.BytesIO()
        Image.fromarray(canvas).save(memory, "JPEG", quality=int(rng.integers(25, 80)))
        canvas = np.asarray(Image.open(memory))
    return canvas


def size_of(seed, step):
    return SIZES[np.random.default_rng((seed, 1, step)).integers(len(SIZES))]


def sample(mix, seed, number, size, gentle):
    """-> uint8 [h, w, 3], float32 [n, 5]. gentle: as the model will be used, for the end of a run."""
    rng = np.random.default_rng((seed, 2, number))
    how = rng.random()
    if how < (0.1 if gentle else 0.35):
        canvas, rows = mosaic(mix, size, rng)
    elif how < (0.6 if gentle else 0.55):
        canvas, rows = plain(*mix.draw(rng), size, rng)
    else:
        canvas, rows = view(*mix.draw(rng), size, rng)
    if rng.random() < 0.35:
        for _ in range(int(rng.integers(1, 4))):
            canvas, rows = paste(canvas, rows, mix, rng)
    return np.ascontiguousarray(spoil(canvas, rng)), rows.astype(np.float32)
