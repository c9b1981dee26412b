"""Opens reports of `slugline evaluate --report` in a real browser, and looks whether they can be read.

    check.py --slugline PROGRAM [--chromium PROGRAM] [--keep FOLDER]

Trains small models, evaluates them, opens each report in headless Chromium on a large and on a narrow screen, in light and in dark,
and asks the browser: is every figure drawn, with as many bars, fields and points as the numbers of `--json` ask for, and do the
pixels show it; is no text clipped or written over another; does the page fit the screen; was nothing else loaded, and no script run.
Then it damages a page in several ways, and expects each of them to be noticed. --keep leaves pages and screenshots in a folder.

Nothing but Python's standard library: the browser is spoken to over its debugging pipe (Chrome DevTools Protocol).
"""
import argparse
import base64
import collections
import json
import os
import pathlib
import random
import re
import select
import struct
import subprocess
import sys
import tempfile
import time
import zlib

ANSWER_SECONDS = 60
FIGURES = ("figure-topics", "figure-confusion", "figure-reliability", "figure-coverage")
# (name, width, height, colour scheme)
SCREENS = [("large", 1200, 900, "light"), ("dark", 1200, 900, "dark"), ("narrow", 390, 800, "light")]
# A figure shows something if so much of it is not background, and in more colours than two.
LEAST_INK = 0.01
root = pathlib.Path(__file__).resolve().parent.parent.parent

# What the browser knows of a page. Boxes are in pixels of the page.
MEASURE = """(() => {
    const box = element => { const b = element.getBoundingClientRect(); return [b.left + scrollX, b.top + scrollY, b.width, b.height]; };
    const figures = {};
    for (const figure of document.querySelectorAll('figure')) {
        const svg = figure.querySelector('svg'), count = name => svg.querySelectorAll(name).length;
        figures[figure.id] = {
            box: box(svg), scrolls: svg.getBoundingClientRect().width > svg.parentElement.clientWidth + 1,
            named: svg.getAttribute('aria-labelledby').split(' ').every(id => document.getElementById(id)?.textContent.trim()),
            rect: count('rect'), circle: count('circle'), polyline: count('polyline'), text: count('text'),
            longest: Math.max(0, ...[...svg.querySelectorAll('polyline')].map(line => line.points.length)),
            empty: [...svg.querySelectorAll('rect,circle,polyline,text')].filter(e => { const b = e.getBBox(); return !(b.width || b.height); }).length,
            texts: [...svg.querySelectorAll('text')].map(text => [text.textContent.trim(), ...box(text)]),
        };
    }
    return {
        title: document.title, language: document.documentElement.lang, scripts: document.scripts.length,
        wide: document.documentElement.scrollWidth, screen: innerWidth,
        sections: [...document.querySelectorAll('nav a')].filter(a => !document.querySelector(a.getAttribute('href') + ' h2')).length,
        headers: [...document.querySelectorAll('table')].filter(t => !t.querySelector('th') || !t.caption).length,
        groups: document.querySelectorAll('#groups tbody tr').length,
        mistakes: document.querySelectorAll('.mistakes > li').length,
        loaded: performance.getEntriesByType('resource').map(entry => entry.name), figures,
    };
})()"""


class Failure(Exception):
    """The check itself could not be made."""


class Browser:
    """A headless Chromium with one page, spoken to over file descriptors 3 and 4."""

    def __init__(self, program, profile):
        to_browser, our_out = os.pipe()
        our_in, from_browser = os.pipe()
        options = ["--headless", "--remote-debugging-pipe", "--disable-gpu", "--hide-scrollbars", "--no-first-run",
                   "--disable-background-networking", "--disable-dev-shm-usage", f"--user-data-dir={profile}"]
        if os.geteuid() == 0:
            options.append("--no-sandbox")  # Chromium does not sandbox what root runs
        with open(pathlib.Path(profile).parent / "chromium.log", "wb") as log:
            self.process = subprocess.Popen(
                ["bash", "-c", f'exec "$0" "$@" 3<&{to_browser} 4>&{from_browser}', program, *options], stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, pass_fds=(to_browser, from_browser), start_new_session=True,
            )
        os.close(to_browser)
        os.close(from_browser)
        self.out, self.input, self.buffer, self.number, self.events = our_out, our_in, b"", 0, []
        target = self.ask("Target.createTarget", {"url": "about:blank"}, session=None)["targetId"]
        self.session = self.ask("Target.attachToTarget", {"targetId": target, "flatten": True}, session=None)["sessionId"]
        for domain in ("Page", "Network", "Log", "Runtime"):
            self.ask(f"{domain}.enable")

    def receive(self):
        deadline = time.monotonic() + ANSWER_SECONDS
        while b"\0" not in self.buffer:
            ready, _, _ = select.select([self.input], [], [], max(0, deadline - time.monotonic()))
            part = os.read(self.input, 1 << 20) if ready else b""
            if not part:
                raise Failure(f"the browser {'has ended' if ready else f'is silent for {ANSWER_SECONDS} s'}")
            self.buffer += part
        message, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(message)

    def ask(self, method, parameters=None, session=True):
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters or {}}
        if session:
            message["sessionId"] = self.session
        os.write(self.out, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.receive()
            if answer.get("id") == self.number:
                if "error" in answer:
                    raise Failure(f"{method}: {answer['error']}")
                return answer["result"]
            self.events.append(answer)

    def open(self, path, screen):
        """Opens a file; returns what the browser measured and what it complained of."""
        _, width, height, scheme = screen
        self.ask("Emulation.setDeviceMetricsOverride", {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600})
        self.ask("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]})
        self.events.clear()
        self.ask("Page.navigate", {"url": path.as_uri()})
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            self.events.append(self.receive())
        answer = self.ask("Runtime.evaluate", {"expression": MEASURE, "returnByValue": True})
        if "exceptionDetails" in answer:
            raise Failure(f"cannot measure the page: {answer['exceptionDetails']}")
        complaints = [event["params"]["entry"]["text"] for event in self.events if event.get("method") == "Log.entryAdded"]
        requests = {event["params"]["request"]["url"] for event in self.events if event.get("method") == "Network.requestWillBeSent"}
        return answer["result"]["value"], complaints, requests - {path.as_uri()}

    def picture(self, box=None):
        parameters = {"format": "png", "captureBeyondViewport": True}
        if box is None:
            size = self.ask("Page.getLayoutMetrics")["cssContentSize"]
            box = [0, 0, size["width"], size["height"]]
        parameters["clip"] = {**dict(zip(("x", "y", "width", "height"), box)), "scale": 1}
        return base64.b64decode(self.ask("Page.captureScreenshot", parameters)["data"])

    def end(self):
        self.process.kill()
        self.process.wait()


def pixels(png):
    """The colours of a PNG's pixels, as (red, green, blue), row after row."""
    at, data = 8, b""
    while at < len(png):
        length, kind = struct.unpack(">I4s", png[at : at + 8])
        content = png[at + 8 : at + 8 + length]
        if kind == b"IHDR":
            width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", content)
        elif kind == b"IDAT":
            data += content
        at += length + 12
    if depth != 8 or colour not in (2, 6) or interlaced:
        raise Failure(f"a PNG of depth {depth}, colour {colour} is not understood")
    step = 3 if colour == 2 else 4
    raw, before, found = zlib.decompress(data), bytes(width * step), []
    for row in range(height):
        start = row * (width * step + 1)
        kind, line = raw[start], bytearray(raw[start + 1 : start + 1 + width * step])
        for i in range(len(line)):
            left, up, corner = line[i - step] if i >= step else 0, before[i], before[i - step] if i >= step else 0
            if kind == 1:
                line[i] = (line[i] + left) & 255
            elif kind == 2:
                line[i] = (line[i] + up) & 255
            elif kind == 3:
                line[i] = (line[i] + (left + up) // 2) & 255
            elif kind == 4:
                near = left + up - corner
                line[i] = (line[i] + min((abs(near - left), 0, left), (abs(near - up), 1, up), (abs(near - corner), 2, corner))[2]) & 255
        before = line
        found.extend(zip(line[0::step], line[1::step], line[2::step]))
    return found


def overlapping(texts):
    """Pairs of texts of which one covers the other's middle lines."""
    boxes = [(text, x, y + height * 0.25, x + width, y + height * 0.75) for text, x, y, width, height in texts if width > height * 0.9]
    # What reads upwards is higher than wide.
    boxes += [(text, x + width * 0.25, y, x + width * 0.75, y + height) for text, x, y, width, height in texts if width <= height * 0.9]
    boxes.sort(key=lambda box: box[2])
    pairs = []
    for number, (text, left, top, right, bottom) in enumerate(boxes):
        for other, other_left, other_top, other_right, _ in boxes[number + 1 :]:
            if other_top >= bottom:
                break
            if left < other_right and other_left < right:
                pairs.append(f"{text!r} and {other!r}")
    return pairs


def expected_shapes(numbers):
    """What must be drawn at least, from the numbers: figure -> shape -> how many."""
    occurring = [topic for topic in numbers["topics"] if topic["support"] or topic["predicted"]]
    # Where documents may have several topics, a row and a column for none of them may come to the topics.
    matrix = numbers["confusion_matrix"] or numbers["assignment_matrix"]
    fields = sum(count > 0 for row in matrix for count in row)
    bins = sum(bin["predictions"] > 0 for bin in numbers["calibration"])
    points = len(numbers["precision_coverage"])
    return {
        "figure-topics": {"rect": 2 * len(occurring) + 7, "text": len(occurring) + 5},
        "figure-confusion": {"rect": fields + 11, "text": 2 * len(occurring)},
        "figure-reliability": {"rect": 2 * bins, "circle": bins, "polyline": 1, "text": bins + 6},
        "figure-coverage": {"circle": 1 if numbers["confident"]["documents"] else 0, "longest": points if points > 1 else 0, "text": 6},
    }


def faults(browser, page, numbers, screen, keep):
    """What is wrong with a page on a screen."""
    seen, complaints, requests = browser.open(page, screen)
    found = [f"the browser says: {text}" for text in complaints] + [f"it loads {url}" for url in sorted(requests)]
    if seen["loaded"]:
        found.append(f"it loads {seen['loaded']}")
    if seen["scripts"]:
        found.append(f"it has {seen['scripts']} scripts")
    if seen["language"] != "en" or numbers["model"] not in seen["title"]:
        found.append(f"it is in {seen['language']!r}, and called {seen['title']!r}")
    if seen["wide"] > seen["screen"]:
        found.append(f"it is {seen['wide']} pixels wide on a screen of {seen['screen']}")
    if seen["sections"] or seen["headers"]:
        found.append(f"{seen['sections']} links lead nowhere, {seen['headers']} tables have no caption or no headers")
    wrong = sum(numbers[decision]["documents"] - numbers[decision]["right"] for decision in ("confident", "uncertain"))
    if seen["mistakes"] != min(30, wrong):
        found.append(f"{seen['mistakes']} mistakes are shown, of {wrong}")
    groups = sum(len(breakdown["groups"]) for breakdown in numbers["breakdowns"])
    if seen["groups"] != groups:
        found.append(f"{seen['groups']} groups are shown, not {groups}")
    for name in FIGURES:
        figure = seen["figures"].get(name)
        if figure is None:
            found.append(f"{name} is missing")
            continue
        left, top, width, height = figure["box"]
        for shape, least in expected_shapes(numbers)[name].items():
            if figure[shape] < least:
                found.append(f"{name} has {figure[shape]} {shape}, not {least}")
        if width < 200 or height < 50:
            found.append(f"{name} is {width:.0f} by {height:.0f} pixels")
            continue
        if not figure["named"]:
            found.append(f"{name} has no name or no description")
        if figure["empty"]:
            found.append(f"{name} has {figure['empty']} shapes without an extent")
        for text, x, y, wide, high in figure["texts"]:
            if x < left - 1 or y < top - 1 or x + wide > left + width + 1 or y + high > top + height + 1:
                found.append(f"{name}: {text!r} is clipped")
        found += [f"{name}: {pair} lie over each other" for pair in overlapping(figure["texts"])]
        # What a scrolling figure hides cannot be photographed.
        if not figure["scrolls"]:
            picture = browser.picture(figure["box"])
            colours = collections.Counter(pixels(picture))
            background, most = colours.most_common(1)[0]
            ink = 1 - most / colours.total()
            if ink < LEAST_INK or len(colours) < 3:
                found.append(f"{name} looks empty: {ink:.2%} of it is not {background}, in {len(colours)} colours")
    if keep:
        (keep / f"{page.stem}-{screen[0]}.png").write_bytes(browser.picture())
    return found


def corpus(seed, topics, documents):
    """Documents of made-up words, of which each topic has some of its own; some are labelled wrongly."""
    chance = random.Random(seed)
    lines = []
    for number in range(documents):
        topic = number % len(topics)
        words = [f"own{topic}x{chance.randrange(12)}" if chance.random() < 0.4 else f"common{chance.randrange(60)}" for _ in range(12)]
        label = topics[topic] if chance.random() < 0.85 else chance.choice(topics)
        lines.append({
            "id": f"d{number}", "title": " ".join(words[:5]), "body": " ".join(words[5:]),
            "topics": [label], "desk": f"desk {number % 4}",
        })
    return lines


def write_lines(path, lines):
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


def of_several_topics(lines):
    """The same documents, a third of them joined with the next one, and a fifth in place of which stands one without a topic."""
    joined = []
    for number, (line, other) in enumerate(zip(lines, lines[1:])):
        if number % 5 == 0:
            joined.append({"id": line["id"], "title": "", "body": "nothing of note today", "topics": []})
        elif number % 3 == 0:
            body = f"{line['body']} {other['title']} {other['body']}"
            joined.append({**line, "body": body, "topics": sorted({*line["topics"], *other["topics"]})})
        else:
            joined.append(line)
    return joined


def cases(work):
    """(name, corpus to train on, corpus to measure on, options of training, options of evaluation)"""
    example = root / "examples/labelled.jsonl"
    yield "example", example, example, [], ["--by-length"]
    groups = ["--group-by", "desk", "--by-length"]
    two = corpus(2, ["arts", "sport"], 120)
    hostile = [{**line} for line in two[:40]]
    hostile[0]["topics"] = ["</svg><script>document.title = 'broken'</script>"]
    for line in hostile[:20]:
        line["title"] = "</h3></section><script>document.title = 'broken'</script><img src=x onerror=alert(1)> & \u0000 \u202e \" '"
        line["desk"] = line["title"]
        line["topics"] = hostile[0]["topics"] if line is hostile[0] else ["sport" if line["topics"] == ["arts"] else "arts"]
    yield "hostile", write_lines(work / "two.jsonl", two), write_lines(work / "hostile.jsonl", hostile), [], groups
    names = [f"{desk}/{'long-' * (number % 3)}topic-{number}" for desk in ("sport", "world", "arts") for number in range(20)]
    many = corpus(60, names, 1500)
    yield "many", write_lines(work / "many.jsonl", many[:900]), write_lines(work / "many-test.jsonl", many[900:]), [], groups
    several = of_several_topics(corpus(5, ["arts", "politics", "sport/football", "sport/tennis", "world"], 700))
    training, test = write_lines(work / "several.jsonl", several[:500]), write_lines(work / "several-test.jsonl", several[500:])
    yield "several", training, test, ["--multi-label"], groups


def run(command, cwd):
    ended = subprocess.run([str(word) for word in command], cwd=cwd, capture_output=True, text=True, timeout=600, check=False)
    if ended.returncode:
        raise Failure(f"{' '.join(map(str, command))} ended with {ended.returncode}: {ended.stderr[-2000:]}")
    return ended.stdout


FIGURE, STYLE = r'(<figure id="{}".*?</desc>).*?</svg>', "</style>"
# How a page is damaged, and what is to be found then.
DAMAGES = [
    ("a figure is missing", "coverage is missing", lambda page: re.sub(r'<figure id="figure-coverage".*?</figure>', "", page, flags=re.DOTALL)),
    ("a figure is empty", "confusion has 0 rect", lambda page: re.sub(FIGURE.format("figure-confusion"), r"\1</svg>", page, flags=re.DOTALL)),
    ("a group is lost", "groups are shown", lambda page: re.sub(r'(id="groups".*?<tbody>)<tr>.*?</tr>', r"\1", page, flags=re.DOTALL)),
    ("a bar is lost", "rect, not", lambda page: re.sub(r'(id="figure-topics".*?)<rect [^>]*>', r"\1", page, flags=re.DOTALL)),
    ("figures are not shown", "0 by 0 pixels", lambda page: page.replace(STYLE, "figure svg { display: none }" + STYLE)),
    ("shapes are not seen", "looks empty", lambda page: page.replace(STYLE, "figure svg * { visibility: hidden }" + STYLE)),
    ("text is too large", "is clipped", lambda page: page.replace(STYLE, "figure svg text { font-size: 40px }" + STYLE)),
    ("text is in one place", "over each other", lambda page: re.sub(r'<text x="\d+" y="\d+"', '<text x="90" y="40"', page)),
    ("the page is too wide", "pixels wide on a screen", lambda page: page.replace(STYLE, "main { width: 3000px }" + STYLE)),
    ("there is a script", "1 scripts", lambda page: page.replace("</main>", "<script>1</script></main>")),
    ("there is an image", "Loading the image", lambda page: page.replace("</main>", '<img src="elsewhere.png" alt="">')),
]


def check(arguments, work):
    keep = arguments.keep
    if keep:
        keep.mkdir(parents=True, exist_ok=True)
    (work / "profile").mkdir()
    browser, passed, failed = Browser(arguments.chromium, work / "profile"), 0, 0
    print(f"browser: {browser.ask('Browser.getVersion', session=None)['product']}")
    slugline = arguments.slugline.resolve()
    try:
        for name, training, test, options, groups in cases(work):
            run([slugline, "train", "--input", training, "--output", f"{name}/1", *options], work)
            page = (keep.resolve() if keep else work) / f"{name}.html"
            evaluate = [slugline, "evaluate", "--model", f"{name}/1", "--input", test, *groups, "--report", page, "--json"]
            numbers = json.loads(run(evaluate, work))
            for screen in SCREENS:
                found = faults(browser, page, numbers, screen, keep)
                print(f"{'FAIL' if found else 'ok  '} {name}, {screen[0]}: {len(numbers['topics'])} topics, 4 figures")
                print("".join(f"     {fault}\n" for fault in found[:20]), end="")
                passed, failed = passed + (not found), failed + bool(found)
            if name != "example":
                continue
            whole, damaged = page.read_text(encoding="utf-8"), work / "damaged.html"
            for what, expected, damage in DAMAGES:
                damaged.write_text(damage(whole), encoding="utf-8")
                if damage(whole) == whole:
                    raise Failure(f"the damage was not done: {what}")
                found = [fault for fault in faults(browser, damaged, numbers, SCREENS[0], None) if expected in fault]
                print(f"{'ok  ' if found else 'FAIL'} it is noticed when {what}: {found[0][:120] if found else 'nothing was found'}")
                passed, failed = passed + bool(found), failed + (not found)
    finally:
        browser.end()
    print(f"{passed} passed, {failed} failed")
    return failed == 0 and passed > 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--slugline", type=pathlib.Path, default=root / "target/release/slugline")
    parser.add_argument("--chromium", default="chromium")
    parser.add_argument("--keep", type=pathlib.Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="slugline-report-", ignore_cleanup_errors=True) as work:
        try:
            return 0 if check(arguments, pathlib.Path(work)) else 1
        except (Failure, OSError, subprocess.SubprocessError) as error:
            print(f"FAIL {type(error).__name__}: {error}")
            return 1


if __name__ == "__main__":
    sys.exit(main())
