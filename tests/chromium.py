"""A headless Chromium that sees this machine as a computer in its network."""

import shutil

# Names that lead back here: by them a page is none of this machine's own.
LAN = "phone.test"
_OPTIONS = [
    "headless=new",
    "no-sandbox",
    "disable-gpu",
    "disable-quic",
    "no-first-run",
    "disable-background-networking",
    "disable-component-update",
    "disable-sync",
]
_CAMERA = ["use-fake-ui-for-media-stream", "use-fake-device-for-media-stream"]


class Missing(Exception):
    """A program or a package that is not installed."""


def start(folder, camera=None):
    """A selenium driver; raises `Missing` where one of its parts is not there.

    Args:
        folder: An empty folder for what the browser keeps.
        camera: A file of JPEG images, one after the other, that the camera shows.
    """
    programs = [shutil.which(name) for name in ("chromium", "chromedriver")]
    if None in programs:
        raise Missing("Chromium and its driver are not installed (chromium-driver)")
    try:
        from selenium import webdriver
    except ImportError:
        raise Missing("selenium is not installed") from None
    options = webdriver.ChromeOptions()
    options.binary_location = programs[0]
    words = [
        *_OPTIONS,
        f"user-data-dir={folder}",
        f"host-resolver-rules=MAP {LAN} 127.0.0.1",
    ]
    if camera is not None:
        words += [*_CAMERA, f"use-file-for-fake-video-capture={camera}"]
    for word in words:
        options.add_argument(f"--{word}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return webdriver.Chrome(options, webdriver.ChromeService(programs[1]))


class Page:
    """The page in a browser, by what a person does and sees.

    Args:
        driver: A selenium driver.
        patience: Seconds that anything may take.
    """

    def __init__(self, driver, patience=60):
        self.driver = driver
        self.patience = patience

    def open(self, address):
        """Opens it, past the warning about the certificate where there is one."""
        self.driver.get(address)
        if self.driver.find_elements("id", "details-button"):
            self.click("details-button")
            self.click("proceed-link")
        self.wait(lambda: self.shown("main") or self.shown("error"))

    def wait(self, condition):
        """Waits until a condition holds, and returns what it gave."""
        from selenium.common.exceptions import StaleElementReferenceException
        from selenium.webdriver.support.ui import WebDriverWait

        wait = WebDriverWait(
            self.driver,
            self.patience,
            poll_frequency=0.05,
            ignored_exceptions=[StaleElementReferenceException],
        )
        return wait.until(lambda _: condition())

    def measured(self):
        """Waits until it has measured."""
        self.wait(lambda: self.shown("measure"))

    def stopped(self):
        """Stops it from measuring, where no figures are wanted."""
        self.script("document.getElementById('stop').click()")
        self.measured()

    def answer(self, action):
        """Does something to a picture, and waits for the answer or the error."""
        self.script(
            "for (const id of ['timing', 'try-error'])"
            "  document.getElementById(id).textContent = '';"
        )
        action()
        self.wait(lambda: self.text("timing") or self.text("try-error"))
        return self.text("answer")

    def pick(self, path):
        """Picks a file as a picture, and waits for what is said of it."""
        return self.answer(lambda: self.at("file").send_keys(str(path)))

    def at(self, name):
        """The element of an id."""
        return self.driver.find_element("id", name)

    def shown(self, name):
        """Whether an element is to be seen."""
        elements = self.driver.find_elements("id", name)
        return bool(elements) and elements[0].is_displayed()

    def text(self, name):
        """What an element says."""
        return self.at(name).text

    def items(self, name):
        """The lines of each item of a list."""
        return [item.text for item in self.at(name).find_elements("tag name", "li")]

    def click(self, name):
        """Clicks an element."""
        self.wait(lambda: self.shown(name))
        self.at(name).click()

    def slide(self, name, value):
        """Moves a slider."""
        self.script(
            "const slider = document.getElementById(arguments[0]);"
            "slider.value = arguments[1]; slider.dispatchEvent(new Event('input'))",
            name,
            value,
        )

    def script(self, code, *values):
        """Runs JavaScript and returns what it returns, a promise's value too."""
        return self.driver.execute_script(code, *values)

    def complaints(self):
        """What the browser's console holds against the page."""
        return [
            entry["message"]
            for entry in self.driver.get_log("browser")
            # Said of every page by plain http with these headers.
            if entry["level"] == "SEVERE" and "Opener-Policy" not in entry["message"]
        ]

    def run(self, name, values):
        """What an instance gives for normalised numbers."""
        code = "return keras_dynres.run(arguments[0], arguments[1])"
        return self.script(code, name, values)
