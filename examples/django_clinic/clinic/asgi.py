"""The whole wiring of a Django host: hugathome takes the path of its site and hands the rest on."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "clinic.settings")

from django.conf import settings
from django.core.asgi import get_asgi_application

django = get_asgi_application()

from clinic.visits import deployment  # noqa: E402 - models can be imported only now
from hugathome import HugAtHome  # noqa: E402

hug = deployment(HugAtHome, f"sqlite:///{settings.DATABASES['default']['NAME']}")
application = hug.asgi(otherwise=django)
